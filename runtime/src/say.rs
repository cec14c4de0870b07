//! What a program tells the person at the terminal before there is a log.
//!
//! One invariant: a closed pipe is no reason to fail. Settings and `main` call this for help, refusals and the one
//! line that says why a start failed.

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

/// An error and what caused it, in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries' errors say what caused them themselves.
        if !line.ends_with(&said) {
            line = format!("{line}: {said}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Told {
        #[error("it cannot start")]
        Outer(#[source] Box<Told>),
        #[error("no answer: {0}")]
        Twice(#[source] Box<Told>),
        #[error("it is away")]
        Inner,
    }

    #[test]
    fn what_caused_an_error_is_told_once() {
        let error = Told::Outer(Box::new(Told::Twice(Box::new(Told::Inner))));
        assert_eq!(chain(&error), "it cannot start: no answer: it is away");
    }
}
