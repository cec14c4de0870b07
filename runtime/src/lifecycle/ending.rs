//! How a process ended, as its exit code tells.

use std::{fmt, process::ExitCode};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Asked to end, and everything was drained in time.
    Drained,
    /// A task died.
    Failed,
    /// Something was still running at the end of the grace, or at the second signal.
    GraceExceeded,
}

impl Ending {
    /// 0 if drained, else 1.
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
