//! Errors in the settings.
//!
//! A [`ConfigError`] lists all violations at once. Each names its variable, and shows the value
//! unless the value may be a secret.

use std::{fmt, process::ExitCode};

/// Exit code of a program with invalid settings.
const EXIT_CODE: u8 = 2;
/// Maximum length at which an invalid value is shown, in characters.
const MAX_SHOWN: usize = 60;

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The violations, in the order of [`VARIABLES`](super::VARIABLES); never empty.
    pub violations: Vec<Violation>,
}

/// One invalid setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The variable, flag or file.
    pub subject: String,
    /// Its value, if it may be shown.
    pub shown: Option<String>,
    /// What is wrong with it.
    pub problem: String,
}

impl ConfigError {
    /// The exit code of a program with invalid settings: 2.
    pub fn exit_code() -> ExitCode {
        ExitCode::from(EXIT_CODE)
    }
}

impl Violation {
    /// Creates a violation that does not show the value.
    pub(super) fn new(subject: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            shown: None,
            problem: problem.into(),
        }
    }

    /// Shows the value, on one line and truncated.
    pub(super) fn showing(mut self, value: &str) -> Self {
        let escaped = value.escape_debug().to_string();
        let mut shown: String = escaped.chars().take(MAX_SHOWN).collect();
        if shown.len() < escaped.len() {
            shown.push('…');
        }
        self.shown = Some(shown);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Some(value) => write!(f, "{}={value}: {}", self.subject, self.problem),
            None => write!(f, "{}: {}", self.subject, self.problem),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid settings:")?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        f.write_str("\n--help describes all settings")
    }
}
