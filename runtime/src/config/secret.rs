//! The type of keys, tokens and passwords, which formatting does not show.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
};

use super::value::Parsed;

/// The maximum size of a secret's file in bytes, because a file such as `/dev/zero` never ends.
const MAX_FILE_SIZE: u64 = 64 * 1024;

/// A key, token or password. `Debug` and `Display` are redacted; [`Secret::expose`] returns the
/// value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Reads a secret from the file at `path`, without the last line break.
    ///
    /// # Errors
    ///
    /// A message that does not contain the content of the file.
    pub(super) fn read_file(path: &str) -> Parsed<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_SIZE + 1).read_to_string(&mut text))
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
                _ => format!("cannot be read: {error}"),
            })?;
        if text.len() as u64 > MAX_FILE_SIZE {
            return Err(format!("is larger than {} KiB", MAX_FILE_SIZE / 1024));
        }
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        Ok(Self::new(text))
    }

    /// Returns the value. Compare it in constant time only.
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
    fn a_file_that_never_ends_is_refused() {
        let refused = Secret::read_file("/dev/zero");
        assert_eq!(refused, Err("is larger than 64 KiB".to_owned()));
    }

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
