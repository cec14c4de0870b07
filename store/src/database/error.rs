//! Errors of opening a database at startup.
//!
//! An error names the database without its password, and fits on one line with its sources.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use runtime::config::ConfigError;
use sea_orm::sqlx;

use crate::Error;

/// The error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `DATABASE_URL` has a parameter or an escape that the driver rejects.
    #[error("cannot parse DATABASE_URL")]
    InvalidUrl {
        /// The error of the driver, which contains no password.
        source: sqlx::Error,
    },
    /// The server did not accept a connection within `DATABASE_WAIT`.
    #[error("{database} did not accept a connection within {waited:?}")]
    Unreachable {
        /// Host, port and database.
        database: String,
        /// `DATABASE_WAIT`.
        waited: Duration,
        /// The error of the last attempt.
        source: sqlx::Error,
    },
    /// The server rejects the user or the password, so it is not retried.
    #[error("{database} rejects the user or password of DATABASE_URL")]
    AuthenticationFailed {
        /// Host, port and database.
        database: String,
        /// The error of the server.
        source: sqlx::Error,
    },
    /// The directory of the SQLite file does not exist.
    #[error("the directory of {} does not exist", file.display())]
    DirectoryMissing {
        /// The SQLite file.
        file: PathBuf,
    },
    /// The SQLite file does not exist, and the URL does not allow creating it.
    #[error("{} does not exist; add ?mode=rwc to DATABASE_URL to create it", file.display())]
    FileMissing {
        /// The SQLite file.
        file: PathBuf,
    },
    /// The SQLite file or its lock file cannot be written.
    #[error("cannot write {}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process uses the SQLite file.
    #[error("{} is in use: only one process can use a SQLite database", file.display())]
    Locked {
        /// The SQLite file.
        file: PathBuf,
    },
    /// SQLite cannot open the file.
    #[error("cannot open {}", file.display())]
    CannotOpen {
        /// The SQLite file.
        file: PathBuf,
        /// The error of SQLite.
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("cannot migrate the database")]
    Migrate(#[source] Error),
}

impl DatabaseError {
    /// The exit code of the process: 2 if the URL is invalid, the user or password is rejected, or
    /// another process uses the SQLite file; otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::InvalidUrl { .. } | Self::AuthenticationFailed { .. } | Self::Locked { .. } => {
                ConfigError::exit_code()
            }
            _ => ExitCode::FAILURE,
        }
    }
}
