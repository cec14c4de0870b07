//! The two programs.

use std::fmt;

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Serves clients; tracks too when it runs on SQLite.
    Api,
    /// Polls, stores and fires alerts.
    Tracker,
}

impl Program {
    /// The binary's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tracker => "tracker",
        }
    }

    /// What the program does, in one line.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Api => "Serves stocks, prices and alerts over GraphQL, REST and WebSocket.",
            Self::Tracker => "Polls market-data providers, stores exact prices and fires alerts.",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
