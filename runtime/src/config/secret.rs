//! Values that must not be read by accident.
//!
//! One invariant: formatting a [`Secret`] in any way never shows it; whoever needs the value says so by calling
//! [`Secret::expose`]. Keys and tokens are kept in it from the moment they are read.

use std::{fmt, fs, io};

use super::value::Parsed;

/// A key or token. `Debug` and `Display` are redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value` out of sight.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Reads the file at `path`. Its last line break does not count.
    ///
    /// # Errors
    ///
    /// Why the file has no secret, without any of its content.
    pub(super) fn read_file(path: &str) -> Parsed<Self> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => "does not hold UTF-8 text".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(Self::new(text))
    }

    /// The value itself, for sending it or comparing with it; compare in constant time.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_formatted() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?}")
                .matches("hunter2")
                .count(),
            0
        );
        assert_eq!(secret.expose(), "hunter2");
    }
}
