//! Why a replay cannot begin.
//!
//! One invariant: each names the file, and the line if there is one, so that a person can go and mend it. It stops the
//! start.

use std::{io, path::PathBuf};

use chrono::NaiveDate;

use super::RowError;

/// What keeps a file from being replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read or unpacked.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A row of it is bad.
    #[error("{}, line {line}: {fault}", .file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// The line, from 1 on, of the unpacked text.
        line: usize,
        /// What is wrong with it.
        fault: RowError,
    },
    /// It has no rows.
    #[error("{} has no rows", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The day to begin at is after its last.
    #[error("the last day of {} is {last}, before {from}", .file.display())]
    FromTooLate {
        /// The file.
        file: PathBuf,
        /// The day to begin at.
        from: NaiveDate,
        /// The file's last day.
        last: NaiveDate,
    },
}
