//! The right to be the one tracker that polls.
//!
//! One invariant: on PostgreSQL whoever holds a [`Lease`] holds the lock, or its next statement fails. The lock belongs
//! to the session of one connection, that connection is made once and never again, and every request to a provider is
//! charged over it ([`crate::budget`]): no live lock, no charge, no request. Nobody else writes to an SQLite file, so
//! there the lease is free. [`crate::Tracker`] takes it, the engine works under it.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqlxPostgresConnector,
    TransactionOptions,
    sqlx::{self, PgConnection, PgPool, postgres::PgPoolOptions},
};
use store::database::{Database, begin};
use tokio::time::Instant;

/// What the lock is taken on: any number that nobody else takes; "stocktrk" in ASCII.
const KEY: i64 = 0x7374_6F63_6B74_726B;
/// How often a holder proves to the server that it lives, and notices that the connection does not.
const PROOF: Duration = Duration::from_secs(1);
/// How long anything on the lock's connection may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Where no server listens: a folder that cannot be one, so that a second connection fails at once and in silence.
const NOWHERE: &str = "/dev/null";

/// The right to poll, until [`lost`](Self::lost).
#[derive(Debug)]
pub struct Lease(Held);

#[derive(Debug)]
enum Held {
    /// By being the only process.
    Alone(Database),
    /// By a lock that lives as long as this pool's one connection.
    Locked {
        connection: DatabaseConnection,
        /// When it was made.
        began: Instant,
        /// Knows whether it is outdated.
        database: Database,
    },
}

impl Lease {
    /// Takes the lease, waiting for whoever holds it to end.
    ///
    /// # Errors
    /// The database could not be asked; then try again.
    pub async fn take(database: &Database) -> Result<Self, DbErr> {
        let Some(pool) = database.postgres_pool() else {
            return Ok(Self(Held::Alone(database.clone())));
        };
        let began = Instant::now();
        let candidate = connect_once(pool).await.map_err(conn_error)?;
        let mut told = false;
        while !within(try_lock(&candidate))
            .await
            .map_err(|error| ended(&candidate, error))?
        {
            if !told {
                tracing::info!("standing by: another tracker polls");
                told = true;
            }
            tokio::time::sleep(PROOF).await;
        }
        tracing::info!("this tracker polls");
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(candidate);
        Ok(Self(Held::Locked {
            connection,
            began,
            database: database.clone(),
        }))
    }

    /// Begins a transaction that only the holder can begin.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        match &self.0 {
            Held::Alone(database) => database.begin_write().await,
            Held::Locked { connection, .. } => {
                within(begin(connection, TransactionOptions::default()))
                    .await
                    .map_err(|error| ended(connection.get_postgres_connection_pool(), error))
            }
        }
    }

    /// Waits until the lease is lost, and tells why; for ever if it cannot be.
    pub async fn lost(&self) -> DbErr {
        let Held::Locked {
            connection,
            began,
            database,
        } = &self.0
        else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(PROOF).await;
            if let Err(error) = within(connection.execute_unprepared("SELECT 1")).await {
                return ended(connection.get_postgres_connection_pool(), error);
            }
            if database.outdates(*began) {
                return DbErr::Custom(
                    "the lock's session began when the database could only be read".to_owned(),
                );
            }
        }
    }

    /// Gives the lease back, for another tracker to take it at once.
    pub async fn release(self) {
        if let Held::Locked { connection, .. } = self.0 {
            // The session ends with its connection in any case, and the lock with it.
            let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
        }
    }
}

/// A pool of one connection that is never made again: another one would be another session, without the lock.
async fn connect_once(pool: &PgPool) -> Result<PgPool, sqlx::Error> {
    let options = pool
        .connect_options()
        .as_ref()
        .clone()
        .application_name("stock-tracker lease");
    let once = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(outlive_nobody(connection)))
        .connect_with(options.clone())
        .await?;
    once.set_connect_options(options.socket(NOWHERE));
    Ok(once)
}

/// What to tell of a failure: that the connection is not made again is no news once it has ended.
fn ended(pool: &PgPool, error: DbErr) -> DbErr {
    if pool.size() == 0 {
        return DbErr::Custom("the lock's connection has ended".to_owned());
    }
    error
}

async fn try_lock(candidate: &PgPool) -> Result<bool, DbErr> {
    sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)")
        .bind(KEY)
        .fetch_one(candidate)
        .await
        .map_err(conn_error)
}

/// Gives up on a server that does not even refuse.
async fn within<T>(asking: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| {
            Err(DbErr::Custom(
                "the lock's connection does not answer".to_owned(),
            ))
        })
}

/// Has the server end a session that is silent for long, so that a machine that vanished holds no lock for hours, and
/// a statement that waits for another session's lock, before the proof of life behind it fails.
async fn outlive_nobody(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let setting = "SET idle_session_timeout = '10s'; SET lock_timeout = '2s'";
    sqlx::raw_sql(setting).execute(connection).await?;
    Ok(())
}

fn conn_error(error: sqlx::Error) -> DbErr {
    DbErr::Conn(sea_orm::RuntimeErr::SqlxError(Arc::new(error)))
}
