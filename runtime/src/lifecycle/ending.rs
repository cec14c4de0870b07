//! The outcome of a shutdown and its exit code.

use std::{fmt, process::ExitCode};

/// The outcome of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Shutdown was requested, and everything was drained in time.
    Drained,
    /// A task failed.
    Failed,
    /// Something was still running at the end of the grace period or at the second signal.
    GraceExceeded,
}

impl Ending {
    /// Returns 0 if drained, otherwise 1.
    pub fn code(self) -> ExitCode {
        match self {
            Self::Drained => ExitCode::SUCCESS,
            Self::Failed | Self::GraceExceeded => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drained => "drained",
            Self::Failed => "failed",
            Self::GraceExceeded => "grace exceeded",
        })
    }
}
