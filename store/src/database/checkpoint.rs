//! Checkpoints of a SQLite file: they copy the write-ahead log into the file.
//!
//! By default SQLite runs one within the commit that brings the log to 1,000 pages, and all writers
//! wait for the disk meanwhile. Here a task runs them on a separate connection while others write.
//! It also writes the log to disk every second, so that a power failure loses little, and a commit
//! that has to run a checkpoint waits for little.
//!
//! This requires SQLite 3.51.3: earlier versions may damage the file if a connection restarts the
//! log while another runs a checkpoint. The library is bundled, and a test checks its version.

use std::{future::pending, io, path::PathBuf, time::Duration};

use runtime::outage_log::OutageLog;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, Statement};
use tokio::{fs::File, time::sleep};

use super::Database;
use crate::Error;

/// How often the log is written to disk.
const INTERVAL: Duration = Duration::from_secs(1);
/// Number of pages in the log at which the task runs a checkpoint.
const CHECKPOINT_PAGES: i32 = 1_000;
/// Maximum number of checkpoints in a row. The log restarts with the first write after a checkpoint
/// that has copied all of it, which requires a few milliseconds without a commit.
const ATTEMPTS: usize = 10;
/// Number of pages in the log at which a commit runs a checkpoint, because no attempt succeeded.
pub(super) const COMMIT_CHECKPOINT_PAGES: &str = "10000";

/// Runs the checkpoints of a SQLite file.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    pub(super) connection: DatabaseConnection,
    /// The log, if it is to be written to disk.
    pub(super) log: Option<PathBuf>,
    /// The state of the log before it was last written to disk.
    pub(super) synced: Option<LogState>,
}

/// The number of pages in the log, and how many of them have been copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogState {
    pages: i32,
    copied: i32,
}

impl Database {
    /// Runs checkpoints of a SQLite file periodically. Never returns.
    pub async fn run_checkpoints(mut self) {
        let Some(checkpoints) = &mut self.checkpoints else {
            return pending().await;
        };
        let mut outage = OutageLog::new(
            "failed to copy the write-ahead log into the database, retrying",
            "copied the write-ahead log into the database",
        );
        loop {
            sleep(INTERVAL).await;
            outage.record(&checkpoints.run().await);
        }
    }
}

impl Checkpoints {
    /// Writes the log to disk if it has changed, and copies it into the file if it is long.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let mut log = self.checkpoint("NOOP").await?;
        if self.synced != Some(log) {
            let written = self.sync_log().await;
            written
                .map_err(|error| Error::Io(DbErr::Conn(RuntimeErr::Internal(error.to_string()))))?;
            self.synced = Some(log);
        }
        for _ in 0..ATTEMPTS {
            if log.pages < CHECKPOINT_PAGES || log.pages == log.copied {
                break;
            }
            // Copies nothing that a reader still needs in the file, and waits for no lock.
            self.checkpoint("PASSIVE").await?;
            log = self.checkpoint("NOOP").await?;
        }
        Ok(())
    }

    async fn sync_log(&self) -> io::Result<()> {
        let Some(log) = &self.log else {
            return Ok(());
        };
        match File::open(log).await {
            Ok(file) => file.sync_data().await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Runs a checkpoint in a mode of SQLite: `PASSIVE`, or `NOOP`, which only returns the state of
    /// the log. What is written during a checkpoint is not part of its state.
    async fn checkpoint(&self, mode: &str) -> Result<LogState, Error> {
        let backend = self.connection.get_database_backend();
        let checkpoint = format!("PRAGMA wal_checkpoint({mode})");
        let statement = Statement::from_string(backend, checkpoint);
        let row = self.connection.query_one_raw(statement).await?;
        let row = row.ok_or(Error::MissingRow("row about its log".into()))?;
        Ok(LogState {
            pages: row.try_get_by_index(1)?,
            copied: row.try_get_by_index(2)?,
        })
    }
}
