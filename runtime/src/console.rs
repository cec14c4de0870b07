//! Writes to the terminal, before logging is set up.
//!
//! A closed pipe is ignored. Used for help, for invalid settings and for the reason a start failed.

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write},
};

/// Writes a line to standard output.
pub fn out(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes a line to standard error.
pub fn err(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Formats an error and its sources in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Some libraries include the source in the error message.
        if !line.ends_with(&message) {
            line = format!("{line}: {message}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum TestError {
        #[error("cannot start")]
        Outer(#[source] Box<TestError>),
        #[error("no answer: {0}")]
        Twice(#[source] Box<TestError>),
        #[error("connection refused")]
        Inner,
    }

    #[test]
    fn a_source_is_included_once() {
        let error = TestError::Outer(Box::new(TestError::Twice(Box::new(TestError::Inner))));
        assert_eq!(chain(&error), "cannot start: no answer: connection refused");
    }
}
