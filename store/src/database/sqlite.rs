//! Opens a SQLite database: one connection that writes, a pool that reads, and one connection each
//! for health checks and for checkpoints.
//!
//! The file is in WAL mode, so readers never wait for the writer. A read that exceeds the statement
//! timeout is interrupted, as on PostgreSQL. An in-memory database has one connection for all.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::config::{SqliteUrl, Synchronous};
use sea_orm::{
    DatabaseConnection, SqlxSqliteConnector,
    sqlx::{
        ConnectOptions, Connection, Error, SqliteConnection, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};

use super::{
    Database, DatabaseError, DatabaseKind,
    checkpoint::{COMMIT_CHECKPOINT_PAGES, Checkpoints},
    lock::{FileLock, beside},
    probe::{Probe, Sessions},
};

/// The size of the pool for reads. Each connection is a thread.
const READERS: u32 = 4;
/// The page cache of a connection that reads, in KiB if negative. The pages are also in the cache
/// of the operating system.
const READER_CACHE: &str = "-128";
/// How long a statement waits for a lock, and a caller for a connection.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The name of an in-memory database.
const MEMORY: &str = ":memory:";
/// The number of virtual machine instructions, about 0.1 ms, between checks of the deadline.
const DEADLINE_CHECK_INTERVAL: i32 = 10_000;

/// Opens the database, and creates the file if the URL allows it. `statement_time` is the timeout
/// of reads.
pub(super) async fn open(
    url: &SqliteUrl,
    statement_time: Option<Duration>,
) -> Result<Database, DatabaseError> {
    let options = url
        .url
        .parse::<SqliteConnectOptions>()
        .map_err(|source| DatabaseError::InvalidUrl { source })?
        .synchronous(synchronous(url.synchronous))
        .busy_timeout(LOCK_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    if url.in_memory {
        let only = pool(Path::new(MEMORY), 1, options, None).await?;
        return Ok(database(&only, &only, &only));
    }
    let file = options.get_filename().to_owned();
    let file = file.as_path();
    if file.is_dir() {
        return Err(unwritable(file, io::ErrorKind::IsADirectory.into()));
    }
    if !url.creates && !file.exists() {
        return Err(DatabaseError::FileMissing {
            file: file.to_owned(),
        });
    }
    let lock = FileLock::acquire(file)?;
    check_writable(file)?;
    // Statements that write many rows keep a journal of their own, which would be a new file.
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", COMMIT_CHECKPOINT_PAGES);
    let reading = options
        .pragma("query_only", "ON")
        .pragma("cache_size", READER_CACHE);
    // The writer is opened first: it creates the file and enables WAL mode.
    let write = pool(file, 1, writing, None).await?;
    let read = pool(file, READERS, reading.clone(), statement_time).await?;
    let probe = pool(file, 1, reading.clone(), None).await?;
    let checkpoints = Checkpoints {
        connection: connection(&pool(file, 1, reading, None).await?),
        log: (url.synchronous != Synchronous::Off)
            .then(|| beside(file, "-wal"))
            .transpose()?,
        synced: None,
    };
    Ok(Database {
        checkpoints: Some(checkpoints),
        _lock: Some(Arc::new(lock)),
        ..database(&read, &write, &probe)
    })
}

fn synchronous(value: Synchronous) -> SqliteSynchronous {
    match value {
        Synchronous::Off => SqliteSynchronous::Off,
        Synchronous::Normal => SqliteSynchronous::Normal,
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Extra => SqliteSynchronous::Extra,
    }
}

fn connection(pool: &SqlitePool) -> DatabaseConnection {
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone())
}

fn database(read: &SqlitePool, write: &SqlitePool, probe: &SqlitePool) -> Database {
    Database {
        read: connection(read),
        write: connection(write),
        probe: Probe::new(connection(probe), DatabaseKind::Sqlite, Sessions::default()),
        checkpoints: None,
        kind: DatabaseKind::Sqlite,
        _lock: None,
    }
}

/// Opens a pool whose connections are never closed, because closing the last connection of an
/// in-memory database deletes the data.
async fn pool(
    file: &Path,
    connections: u32,
    options: SqliteConnectOptions,
    time: Option<Duration>,
) -> Result<SqlitePool, DatabaseError> {
    let in_memory = file == Path::new(MEMORY);
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(LOCK_TIMEOUT)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(set_deadline(connection, time)))
        .before_acquire(move |connection, _| {
            Box::pin(async move {
                set_deadline(connection, time).await?;
                // When SQLite rolls back a transaction by itself, as on a full disk, the rollback
                // of sqlx fails and sqlx still counts the transaction. The next one would become a
                // savepoint that is never committed. So such a connection is closed, unless that
                // deletes the data.
                Ok(in_memory || !connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| DatabaseError::CannotOpen {
            file: file.to_owned(),
            source,
        })
}

/// Interrupts statements on the connection after `time` from now.
async fn set_deadline(
    connection: &mut SqliteConnection,
    time: Option<Duration>,
) -> Result<(), Error> {
    if let Some(time) = time {
        let deadline = Instant::now() + time;
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(DEADLINE_CHECK_INTERVAL, move || Instant::now() < deadline);
    }
    Ok(())
}

/// Fails if the file cannot be written. SQLite would open it read-only and fail at the first write.
fn check_writable(file: &Path) -> Result<(), DatabaseError> {
    match OpenOptions::new().write(true).open(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(unwritable(file, source)),
        _ => Ok(()),
    }
}

fn unwritable(file: &Path, source: io::Error) -> DatabaseError {
    DatabaseError::Unwritable {
        file: file.to_owned(),
        source,
    }
}
