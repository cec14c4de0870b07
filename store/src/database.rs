//! The connection to the database: PostgreSQL or a SQLite file.
//!
//! Writes use [`Database::begin_write`] or [`Database::write`]. On SQLite these share one
//! connection, so that writers queue for it instead of failing on each other's locks, and
//! connections of [`Database::read`] cannot write.

mod checkpoint;
mod error;
mod lock;
mod migrate;
mod postgres;
mod probe;
mod sqlite;

use std::{sync::Arc, time::Duration};

use runtime::{
    config::{DatabaseSettings, DatabaseUrl, Program},
    health::{DatabaseProbe, DatabaseState},
};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, IsolationLevel, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait, sqlx::PgPool,
};
use tokio::time::Instant;

use checkpoint::Checkpoints;
pub use error::DatabaseError;
use lock::FileLock;
use probe::Probe;

use crate::Error;

/// The timeout of a health check.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1500);

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A PostgreSQL server, which several processes share.
    Postgres,
    /// A SQLite file or in-memory database of this process.
    Sqlite,
}

/// A connected database. Clones share its connection pools.
#[derive(Clone, Debug)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    probe: Probe,
    /// The checkpoints of a SQLite file.
    checkpoints: Option<Checkpoints>,
    kind: DatabaseKind,
    /// The lock on the SQLite file.
    _lock: Option<Arc<FileLock>>,
}

impl Database {
    /// Connects to the database, waiting for it as long as the settings allow. Does not migrate it.
    ///
    /// # Errors
    ///
    /// Why the database cannot be used. The error names the database, without its password.
    pub async fn connect(
        settings: &DatabaseSettings,
        program: Program,
    ) -> Result<Self, DatabaseError> {
        match &settings.url {
            DatabaseUrl::Postgres(url) => postgres::open(url, settings, program).await,
            DatabaseUrl::Sqlite(url) => sqlite::open(url, settings.statement_time).await,
        }
    }

    /// The pool for queries. On SQLite it rejects writes; on PostgreSQL it is the pool of
    /// [`Self::write`].
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The pool for single statements that write. On SQLite it has one connection, so using it
    /// while a transaction of [`Self::begin_write`] is open waits for that transaction.
    pub fn write(&self) -> &DatabaseConnection {
        &self.write
    }

    /// Begins a transaction that writes. On SQLite this is `BEGIN IMMEDIATE`, which takes the write
    /// lock at once; taking it later could fail.
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, Error> {
        let immediate =
            (self.kind == DatabaseKind::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions {
            sqlite_transaction_mode: immediate,
            ..TransactionOptions::default()
        };
        begin(&self.write, options).await
    }

    /// Begins a transaction that reads one snapshot of the database.
    pub async fn begin_read(&self) -> Result<DatabaseTransaction, Error> {
        // Every transaction of SQLite reads one snapshot.
        let isolation =
            (self.kind == DatabaseKind::Postgres).then_some(IsolationLevel::RepeatableRead);
        let options = TransactionOptions {
            isolation_level: isolation,
            ..TransactionOptions::default()
        };
        begin(&self.read, options).await
    }

    /// The kind of database.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// The pool of sqlx, for `LISTEN` and for connections outside of the pool. `None` on SQLite.
    pub fn postgres_pool(&self) -> Option<&PgPool> {
        match self.kind {
            DatabaseKind::Postgres => Some(self.write.get_postgres_connection_pool()),
            DatabaseKind::Sqlite => None,
        }
    }

    /// Whether a session opened at `opened_at` may still be read-only although new sessions are
    /// not: `default_transaction_read_only` is read when a session starts. The pools replace such
    /// sessions.
    pub(crate) fn is_session_stale(&self, opened_at: Instant) -> bool {
        self.probe.sessions.are_stale(Some(opened_at))
    }

    /// Calls `observer` with every statement that this value and its later clones send. Tests count
    /// statements with it.
    pub fn observe_statements(&mut self, observer: impl Fn(&str) + Clone + Send + Sync + 'static) {
        for pool in [&mut self.read, &mut self.write] {
            let observer = observer.clone();
            pool.set_metric_callback(move |sent| observer(&sent.statement.sql));
        }
    }

    /// Closes all connections, waiting for those in use. SQLite then removes its `-wal` and `-shm`
    /// files.
    pub async fn close(&self) {
        let pools = [&self.probe.connection, &self.read, &self.write];
        let checkpoints = self.checkpoints.iter().map(|it| &it.connection);
        for pool in pools.into_iter().chain(checkpoints) {
            // Closing a pool twice, as on PostgreSQL, has no effect.
            let _ = pool.clone().close().await;
        }
    }
}

impl DatabaseProbe for Database {
    /// Checks within 1.5 s, on a dedicated connection, so that a busy pool does not look like a
    /// dead database.
    async fn check(&self) -> DatabaseState {
        let answered = tokio::time::timeout(PROBE_TIMEOUT, self.probe.check()).await;
        match answered {
            Ok(Ok(())) if self.probe.is_uninitialized() => DatabaseState::Uninitialized,
            Ok(Ok(())) => DatabaseState::Initialized,
            _ => DatabaseState::Unavailable,
        }
    }
}

/// Begins a transaction, to the end even if the caller stops waiting.
///
/// sqlx does not count a transaction whose `BEGIN` was cancelled, so the next user of the
/// connection would write into that transaction and never commit it.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the acquire timeout, and an unused transaction is rolled back"
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
