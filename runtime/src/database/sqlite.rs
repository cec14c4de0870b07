//! SQLite: one writer and a pool of readers on one file.
//!
//! One invariant: the file is in WAL mode, so that readers never wait for the writer, and only the writer's
//! connection can change anything. In memory there is one connection for all.

use std::{fs::OpenOptions, io, path::Path, sync::Arc, time::Duration};

use sea_orm::{
    SqlxSqliteConnector,
    sqlx::{
        ConnectOptions, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
    },
};

use super::{Database, DatabaseError, DatabaseKind, lock::FileLock};
use crate::config::SqliteUrl;

/// Readers beside the writer. Each is a thread with a page cache of 2 MiB.
const READERS: u32 = 4;
/// What a statement waits for a lock, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the database, creating the file if the URL says so.
pub(super) async fn open(url: &SqliteUrl) -> Result<Database, DatabaseError> {
    let options = url
        .options
        .clone()
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .disable_statement_logging();
    let Some(file) = url.file() else {
        let only = pool(Path::new(":memory:"), 1, options).await?;
        return Ok(database(&only, &only, &only, None));
    };
    if file.is_dir() {
        return Err(unwritable(file, io::ErrorKind::IsADirectory.into()));
    }
    let lock = FileLock::acquire(file)?;
    check_writable(file, url.creates)?;
    let writing = options.clone().journal_mode(SqliteJournalMode::Wal);
    let reading = options.pragma("query_only", "ON");
    // The writer comes first: it creates the file and switches it to WAL.
    let write = pool(file, 1, writing).await?;
    let read = pool(file, READERS, reading.clone()).await?;
    let probe = pool(file, 1, reading).await?;
    Ok(database(&read, &write, &probe, Some(lock)))
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
        probe: connection(probe),
        kind: DatabaseKind::Sqlite,
        _lock: lock.map(Arc::new),
    }
}

/// Connections are kept for ever: in memory the last one would take the data along.
async fn pool(
    file: &Path,
    connections: u32,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, DatabaseError> {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|source| DatabaseError::Unopenable {
            file: file.to_owned(),
            source,
        })
}

/// SQLite would open a file that it cannot write for reading, and say so only at the first write.
fn check_writable(file: &Path, creates: bool) -> Result<(), DatabaseError> {
    match OpenOptions::new().write(true).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && creates => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(DatabaseError::FileMissing {
            file: file.to_owned(),
        }),
        Err(source) => Err(unwritable(file, source)),
    }
}

fn unwritable(file: &Path, source: io::Error) -> DatabaseError {
    DatabaseError::Unwritable {
        file: file.to_owned(),
        source,
    }
}
