//! Errors that keep a replay from starting. Each names the file, and the line if it is about one.

use std::{io, path::PathBuf};

use chrono::NaiveDate;

use super::RowError;

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read or decompressed.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A row is invalid.
    #[error("{}, line {line}: {reason}", .file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// The line of the decompressed text, counted from 1.
        line: usize,
        /// Why the row is invalid.
        reason: RowError,
    },
    /// The file has no rows with prices.
    #[error("{} has no rows", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// `REPLAY_FROM` is after the last day of the file.
    #[error("REPLAY_FROM={from}: must be at most {last}, the last day of {}", .file.display())]
    FromTooLate {
        /// The file.
        file: PathBuf,
        /// The first day to replay.
        from: NaiveDate,
        /// The last day of the file.
        last: NaiveDate,
    },
}
