//! Leader election: the tracker that holds the [`Lease`] polls, the others stand by.
//!
//! On PostgreSQL a [`Lease`] is an advisory lock of one connection's session. The connection is
//! never reopened, and every request to a provider is [reserved](crate::provider::usage) over it,
//! so a tracker that lost the lock cannot send requests. SQLite has a single process, which always
//! holds the lease.

use std::time::Duration;

use parking_lot::Mutex;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqlxPostgresConnector,
    TransactionOptions,
    sqlx::{self, PgConnection, PgPool, postgres::PgPoolOptions},
};
use tokio::time::Instant;

use crate::{
    Error,
    database::{Database, begin},
    sql::Sql,
    with_timeout,
};

/// The key of the advisory lock: "stocktrk" in ASCII.
const KEY: i64 = 0x7374_6F63_6B74_726B;
/// How often a holder checks its connection, and a standby tries to take the lock.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The timeout of every statement on the lock's connection.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a check waits until the holder's own statements have ended. Statements that wait for a
/// locked table delay the check for seconds, but the lock is still held.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// A socket directory that cannot exist, so that reopening the connection fails immediately.
const NO_SOCKET: &str = "/dev/null";

/// The right to poll, until [`lost`](Self::lost).
#[derive(Debug)]
pub struct Lease(Holder);

#[derive(Debug)]
enum Holder {
    /// The only process of a SQLite database.
    SingleProcess(Database),
    /// The holder of the advisory lock.
    Locked {
        /// A pool of the lock's connection.
        connection: DatabaseConnection,
        /// When the connection was opened.
        opened_at: Instant,
        /// When the last successful check began.
        proven_at: Mutex<Instant>,
        /// Knows whether the connection's session is outdated.
        database: Database,
    },
}

impl Lease {
    /// Takes the lease. Waits until its holder releases or loses it.
    ///
    /// # Errors
    /// The database cannot be reached. Retry later.
    pub async fn take(database: &Database) -> Result<Self, Error> {
        let Some(pool) = database.postgres_pool() else {
            return Ok(Self(Holder::SingleProcess(database.clone())));
        };
        let opened_at = Instant::now();
        let candidate = connect_once(pool).await?;
        let mut logged = false;
        while !with_timeout(STATEMENT_TIMEOUT, try_lock(&candidate))
            .await
            .map_err(|error| explain(&candidate, error))?
        {
            if !logged {
                tracing::info!("standing by: another tracker polls");
                logged = true;
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        tracing::info!("this tracker polls");
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(candidate);
        Ok(Self(Holder::Locked {
            connection,
            opened_at,
            proven_at: Mutex::new(Instant::now()),
            database: database.clone(),
        }))
    }

    /// Begins a transaction that writes. Fails if the lease is lost.
    pub async fn begin(&self) -> Result<DatabaseTransaction, Error> {
        match &self.0 {
            Holder::SingleProcess(database) => database.begin_write().await,
            Holder::Locked { connection, .. } => {
                let begin = begin(connection, TransactionOptions::default());
                with_timeout(STATEMENT_TIMEOUT, begin)
                    .await
                    .map_err(|error| explain(connection.get_postgres_connection_pool(), error))
            }
        }
    }

    /// Executes the statement that `statement` appends to an empty one. Fails if the lease is lost.
    pub(crate) async fn execute(&self, statement: impl FnOnce(Sql) -> Sql) -> Result<(), Error> {
        match &self.0 {
            Holder::SingleProcess(database) => {
                let connection = database.write();
                let sql = statement(Sql::new(connection, ""));
                connection.execute_raw(sql.statement()).await?;
            }
            Holder::Locked { connection, .. } => {
                let sql = statement(Sql::new(connection, ""));
                let executing = connection.execute_raw(sql.statement());
                with_timeout(STATEMENT_TIMEOUT, executing)
                    .await
                    .map_err(|error| explain(connection.get_postgres_connection_pool(), error))?;
            }
        }
        Ok(())
    }

    /// Returns the time since the lease was certainly held. Only [`lost`](Self::lost) checks it.
    pub fn unproven_for(&self) -> Duration {
        match &self.0 {
            Holder::SingleProcess(_) => Duration::ZERO,
            Holder::Locked { proven_at, .. } => proven_at.lock().elapsed(),
        }
    }

    /// Waits until the lease is lost, and returns the reason. Never returns on SQLite.
    pub async fn lost(&self) -> Error {
        let Holder::Locked {
            connection,
            opened_at,
            proven_at,
            database,
        } = &self.0
        else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let pool = connection.get_postgres_connection_pool();
            let started = Instant::now();
            if let Err(error) = check(pool).await {
                return explain(pool, error);
            }
            *proven_at.lock() = started;
            if database.is_session_stale(*opened_at) {
                return Error::LeaseLost("its session was opened while the database was read-only");
            }
        }
    }

    /// Releases the lease, so that another tracker can take it immediately.
    pub async fn release(self) {
        if let Holder::Locked { connection, .. } = self.0 {
            // The lock ends with its session in any case.
            let _ = tokio::time::timeout(STATEMENT_TIMEOUT, connection.close()).await;
        }
    }
}

/// Opens a pool of one connection that is never reopened, because another session would not hold
/// the lock.
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
        .acquire_timeout(QUEUE_TIMEOUT)
        // A test of a dead connection would take the whole timeout.
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(set_timeouts(connection)))
        .connect_with(options.clone())
        .await?;
    once.set_connect_options(options.socket(NO_SOCKET));
    Ok(once)
}

/// Checks that the session of the lock still exists.
async fn check(pool: &PgPool) -> Result<(), Error> {
    let mut connection = pool.acquire().await?;
    let statement = sqlx::raw_sql("SELECT 1").execute(&mut *connection);
    with_timeout(STATEMENT_TIMEOUT, statement).await?;
    Ok(())
}

/// Replaces the error of a connection that has ended, which only states that it cannot be reopened.
fn explain(pool: &PgPool, error: Error) -> Error {
    if pool.size() == 0 {
        return Error::LeaseLost("its connection has ended");
    }
    error
}

async fn try_lock(candidate: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock($1)")
        .bind(KEY)
        .fetch_one(candidate)
        .await
}

/// Makes the server end a session that is idle for long, so that a machine that vanished does not
/// keep the lock for hours, and a statement that waits for another session's lock, so that it does
/// not delay the next check.
async fn set_timeouts(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let settings = "SET idle_session_timeout = '10s'; SET lock_timeout = '2s'";
    sqlx::raw_sql(settings).execute(connection).await?;
    Ok(())
}
