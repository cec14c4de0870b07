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
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
