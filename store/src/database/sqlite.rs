//! SQLite: one writer and a pool of readers on one file.
//!
//! One invariant: the file is in WAL mode, so that readers never wait for the writer, and only the writer's
//! connection can change anything. In memory there is one connection for all. A reader that takes too long is
//! interrupted, as PostgreSQL would. Nobody is given a connection with another's transaction on it.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use runtime::config::{SqliteUrl, Synchronous};
use sea_orm::{
    SqlxSqliteConnector,
    sqlx::{
        ConnectOptions, Connection, Error, SqliteConnection, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};

use super::{
    Database, DatabaseError, DatabaseKind,
    lock::FileLock,
    probe::{Probe, Sessions},
};

/// Readers beside the writer. Each is a thread with a page cache of 2 MiB.
const READERS: u32 = 4;
/// What a statement waits for a lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// What SQLite calls a database that is no file.
const MEMORY: &str = ":memory:";
/// After so many of its steps SQLite looks at the clock: a tenth of a millisecond or so.
const STEPS: i32 = 10_000;

/// Opens the database, creating the file if the URL says so. Whoever reads has `statement_time` for it.
pub(super) async fn open(
    url: &SqliteUrl,
    statement_time: Option<Duration>,
) -> Result<Database, DatabaseError> {
    let options = url
        .url
        .parse::<SqliteConnectOptions>()
        .map_err(|source| DatabaseError::InvalidUrl { source })?
        .synchronous(synchronous(url.synchronous))
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .disable_statement_logging();
    if url.in_memory {
        let only = pool(Path::new(MEMORY), 1, options, None).await?;
        return Ok(database(&only, &only, &only, None));
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
    let writing = options.clone().journal_mode(SqliteJournalMode::Wal);
    let reading = options.pragma("query_only", "ON");
    // The writer comes first: it creates the file and switches it to WAL.
    let write = pool(file, 1, writing, None).await?;
    let read = pool(file, READERS, reading.clone(), statement_time).await?;
    let probe = pool(file, 1, reading, None).await?;
    Ok(database(&read, &write, &probe, Some(lock)))
}

fn synchronous(value: Synchronous) -> SqliteSynchronous {
    match value {
        Synchronous::Off => SqliteSynchronous::Off,
        Synchronous::Normal => SqliteSynchronous::Normal,
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Extra => SqliteSynchronous::Extra,
    }
}

fn database(
    read: &SqlitePool,
    write: &SqlitePool,
    probe: &SqlitePool,
    lock: Option<FileLock>,
) -> Database {
    let connection = |pool: &SqlitePool| SqlxSqliteConnector::from_sqlx_sqlite_pool(pool.clone());
    Database {
        read: connection(read),
        write: connection(write),
        probe: Probe::new(connection(probe), DatabaseKind::Sqlite, Sessions::default()),
        kind: DatabaseKind::Sqlite,
        _lock: lock.map(Arc::new),
    }
}

/// Connections are kept for ever: in memory the last one would take the data along.
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
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(limit(connection, time)))
        .before_acquire(move |connection, _| {
            Box::pin(async move {
                limit(connection, time).await?;
                // Where SQLite has ended a transaction by itself, as it does when the disk is full, sqlx's rollback
                // fails, and it goes on counting it: what came next would be put into a savepoint that nobody commits.
                // Such a connection is closed, unless all data would go with it.
                Ok(in_memory || !connection.is_in_transaction())
            })
        })
        .connect_with(options)
        .await
        .map_err(|source| DatabaseError::Unopenable {
            file: file.to_owned(),
            source,
        })
}

/// Has SQLite give up what is not done in time, counted from now.
async fn limit(connection: &mut SqliteConnection, time: Option<Duration>) -> Result<(), Error> {
    if let Some(time) = time {
        let deadline = Instant::now() + time;
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || Instant::now() < deadline);
    }
    Ok(())
}

/// SQLite would open a file that it cannot write for reading, and say so only at the first write.
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
