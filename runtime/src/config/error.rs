//! Why a start is refused.
//!
//! One invariant: a refusal names every fault by its variable, and shows a value only where the table says that it
//! cannot be a secret.

use std::{fmt, process::ExitCode};

/// Exit code of a refused start.
const REFUSED: u8 = 2;
/// The most characters of a wrong value that are shown.
const LONGEST: usize = 60;

/// Everything that is wrong with what was set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The faults, in the table's order; never empty.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable, flag or file at fault.
    pub subject: String,
    /// The value given, where it may be shown.
    pub shown: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl Refusal {
    /// The exit code of a refused start: 2.
    pub fn code() -> ExitCode {
        ExitCode::from(REFUSED)
    }
}

impl Fault {
    /// A fault without a value to show.
    pub(super) fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            shown: None,
            problem: problem.into(),
        }
    }

    /// The value may be shown, on one line and not at any length.
    pub(super) fn showing(mut self, value: &str) -> Self {
        let escaped = value.escape_debug().to_string();
        let mut shown: String = escaped.chars().take(LONGEST).collect();
        if shown.len() < escaped.len() {
            shown.push('…');
        }
        self.shown = Some(shown);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(value) => write!(f, "{}={value}: {}", self.subject, self.problem),
            None => write!(f, "{}: {}", self.subject, self.problem),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused to start:")?;
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        f.write_str("\n--help tells every setting.")
    }
}
