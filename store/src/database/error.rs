//! What can go wrong between a start and its database.
//!
//! One invariant: an error says which database in words that hold no secret, and fits on one line together with its
//! sources.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use runtime::config::ConfigError;
use sea_orm::sqlx;

use crate::Error;

/// Why there is no usable database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `DATABASE_URL` has a parameter or an escape that the driver rejects.
    #[error("cannot parse DATABASE_URL")]
    InvalidUrl {
        /// The error of the driver, which contains no password.
        source: sqlx::Error,
    },
    /// It did not answer for as long as a start waits.
    #[error("{database} did not answer for {waited:?}")]
    Unreachable {
        /// Host, port and database.
        database: String,
        /// How long the start waited.
        waited: Duration,
        /// What the last attempt met.
        source: sqlx::Error,
    },
    /// The server refuses the user or the password. Waiting does not change that.
    #[error("{database} refuses the user or password of DATABASE_URL")]
    Refused {
        /// Host, port and database.
        database: String,
        /// What the server says.
        source: sqlx::Error,
    },
    /// The folder that should hold the SQLite file is not there.
    #[error("the folder of {} does not exist", file.display())]
    FolderMissing {
        /// The database's file.
        file: PathBuf,
    },
    /// The SQLite file is not there and is not to be created.
    #[error("{} does not exist; add ?mode=rwc to DATABASE_URL to create it", file.display())]
    FileMissing {
        /// The database's file.
        file: PathBuf,
    },
    /// The SQLite file, or a file beside it, cannot be written.
    #[error("cannot write {}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the SQLite file.
    #[error("{} is in use: a SQLite database is served by one process", file.display())]
    Taken {
        /// The database's file.
        file: PathBuf,
    },
    /// SQLite does not open the file.
    #[error("cannot open {}", file.display())]
    Unopenable {
        /// The database's file.
        file: PathBuf,
        /// What SQLite says.
        source: sqlx::Error,
    },
    /// The database could not be brought to the newest shape.
    #[error("cannot migrate the database")]
    Migrate(#[source] Error),
}

impl DatabaseError {
    /// The exit code of a start that met this: 2 if starting again does not help, as the settings name a wrong
    /// password or a file that another process has; else 1.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::InvalidUrl { .. } | Self::Refused { .. } | Self::Taken { .. } => {
                ConfigError::exit_code()
            }
            _ => ExitCode::FAILURE,
        }
    }
}
