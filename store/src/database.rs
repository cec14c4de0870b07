//! The way to the database.
//!
//! One invariant: whoever writes goes through [`Database::begin_write`] or [`Database::write`], so that SQLite has
//! one writer that never meets a lock it cannot wait for; reading through [`Database::read`] cannot write there.
//! Each `main` connects once and passes the value on; tests get theirs from the crate `testkit`.

mod connect;
mod error;
mod lock;
mod migrate;
mod postgres;
mod probe;
mod sqlite;

use std::{sync::Arc, time::Duration};

use runtime::health::{DatabaseProbe, DatabaseState};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx::PgPool,
};
use tokio::time::Instant;

pub use error::DatabaseError;
use lock::FileLock;
use probe::Probe;

use crate::Error;

/// A probe without an answer for this long counts as none.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A server that several processes share.
    Postgres,
    /// A file, or memory, of this process.
    Sqlite,
}

/// A connected database. Clones share its pools.
#[derive(Clone, Debug)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    probe: Probe,
    kind: DatabaseKind,
    /// Keeps other processes off a SQLite file for as long as any clone lives.
    _lock: Option<Arc<FileLock>>,
}

impl Database {
    /// For queries. On SQLite a pool that refuses to write; on PostgreSQL the same pool as [`Self::write`].
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// For single statements that write. On SQLite the only connection that can; inside a transaction of
    /// [`Self::begin_write`], use that transaction instead, as this would wait for it.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Begins a transaction that writes: on SQLite with `BEGIN IMMEDIATE`, so that it waits for its turn at the
    /// beginning and not halfway.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, Error> {
        let immediate =
            (self.kind == DatabaseKind::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions {
            sqlite_transaction_mode: immediate,
            ..TransactionOptions::default()
        };
        begin(&self.write, options).await
    }

    /// Begins a transaction that reads everything as it is at one moment.
    pub async fn begin_read(&self) -> Result<DatabaseTransaction, Error> {
        // SQLite's know no other way.
        let isolation =
            (self.kind == DatabaseKind::Postgres).then_some(IsolationLevel::RepeatableRead);
        let options = TransactionOptions {
            isolation_level: isolation,
            ..TransactionOptions::default()
        };
        begin(&self.read, options).await
    }

    /// Which database it is.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// sqlx's pool, for what SeaORM does not offer (`LISTEN`, a connection that is kept); none on SQLite.
    pub fn postgres_pool(&self) -> Option<&PgPool> {
        match self.kind {
            DatabaseKind::Postgres => Some(self.write.get_postgres_connection_pool()),
            DatabaseKind::Sqlite => None,
        }
    }

    /// Whether a session that began at `at` may lack what a new one would be given: one that could only read, as the
    /// database was told, goes on so when it is told otherwise. Pools notice by themselves.
    pub fn outdates(&self, at: Instant) -> bool {
        self.probe.sessions.are_outdated(Some(at))
    }

    /// Calls `observer` with every statement that this value and its later clones send. Tests count
    /// statements with it.
    pub fn observe_statements(&mut self, observer: impl Fn(&str) + Clone + Send + Sync + 'static) {
        for pool in [&mut self.read, &mut self.write] {
            let observer = observer.clone();
            pool.set_metric_callback(move |sent| observer(&sent.statement.sql));
        }
    }

    /// Closes every connection, waiting for those in use. On SQLite this leaves one file, without `-wal` and `-shm`.
    pub async fn close(&self) {
        for pool in [&self.probe.connection, &self.read, &self.write] {
            // Closing twice, as where pools are the same, is no error.
            let _ = pool.clone().close().await;
        }
    }
}

impl DatabaseProbe for Database {
    /// Checks within 1.5 s, on a connection that nothing else uses.
    async fn check(&self) -> DatabaseState {
        let answered = tokio::time::timeout(PROBE_TIMEOUT, self.probe.ask()).await;
        match answered {
            Ok(Ok(())) if self.probe.is_bare() => DatabaseState::Uninitialized,
            Ok(Ok(())) => DatabaseState::Initialized,
            _ => DatabaseState::Unavailable,
        }
    }
}

/// Begins a transaction, whether somebody still waits for it or not: sqlx loses count of one whose beginning is
/// abandoned, and whoever had the connection next would write into it and never commit.
///
/// # Errors
///
/// There is no connection, or it does not begin.
#[expect(
    clippy::disallowed_methods,
    reason = "it lives for as long as a connection may take, and what nobody takes is rolled back"
)]
pub(crate) async fn begin(
    connection: &DatabaseConnection,
    options: TransactionOptions,
) -> Result<DatabaseTransaction, Error> {
    let connection = connection.clone();
    let beginning = tokio::spawn(async move { connection.begin_with_options(options).await });
    let begun = beginning
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::Internal(error.to_string())))?;
    Ok(begun?)
}

#[cfg(test)]
mod tests;
