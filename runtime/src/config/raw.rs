//! The values of all variables as text, from the flags, the environment and the `.env` file.
//!
//! Flags override the environment, which overrides the file. An empty value counts as unset. A
//! secret is set either by its variable or by its `…_FILE` variable, never by both.

use std::{collections::HashMap, ffi::OsString, io, path::Path};

use super::{Secret, VARIABLES, Violation, flag::Flags};

/// The values in effect, by variable; never empty. All are trimmed, except secrets read from a
/// file.
#[derive(Default)]
pub(super) struct RawSettings(HashMap<&'static str, String>);

impl RawSettings {
    /// Merges the three sources. Values and files that cannot be read are added to `violations`.
    pub(super) fn collect(
        flags: Flags,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: &Path,
        violations: &mut Vec<Violation>,
    ) -> Self {
        let mut raw = Self::default();
        for (name, value) in read_file(dotenv, violations) {
            raw.set(&name, &value);
        }
        for (name, value) in env {
            let Some(name) = name.to_str().and_then(known) else {
                continue;
            };
            match value.into_string() {
                Ok(value) => raw.set(name, &value),
                Err(_) => violations.push(Violation::new(name, "must be UTF-8")),
            }
        }
        for (name, value) in flags {
            raw.set(name, &value);
        }
        raw.read_secrets(violations);
        raw
    }

    /// Reads each secret that is in a file, as the value of the secret's variable.
    fn read_secrets(&mut self, violations: &mut Vec<Violation>) {
        for variable in VARIABLES {
            let (Some(secret), Some(path)) = (variable.secret(), self.get(variable.name)) else {
                continue;
            };
            if self.get(secret.name).is_some() {
                let problem = format!("cannot be set together with {}", secret.name);
                violations.push(Violation::new(variable.name, problem));
                continue;
            }
            match Secret::read_file(path) {
                Ok(value) => {
                    self.0.insert(secret.name, value.expose().to_owned());
                }
                Err(problem) => {
                    violations.push(Violation::new(variable.name, problem).showing(path));
                }
            }
        }
    }

    /// Returns the `…_FILE` variable of `name` and the path it is set to, if it is set.
    pub(super) fn file_of(&self, name: &str) -> Option<(&'static str, &str)> {
        VARIABLES.iter().find_map(|variable| {
            let secret = variable.secret()?;
            let path = self.get(variable.name)?;
            (secret.name == name).then_some((variable.name, path))
        })
    }

    /// The value in effect, if one is set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn set(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if let (Some(name), false) = (known(name), value.is_empty()) {
            self.0.insert(name, value.to_owned());
        }
    }
}

fn known(name: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .map(|variable| variable.name)
        .find(|known| *known == name)
}

/// Reads the assignments in a `.env` file, or none if it does not exist. Error messages do not
/// include those of the parser, which quote the line, because it may contain a secret.
fn read_file(path: &Path, violations: &mut Vec<Violation>) -> Vec<(String, String)> {
    let subject = || path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            violations.push(Violation::new(
                subject(),
                format!("cannot be read: {error}"),
            ));
            return Vec::new();
        }
    };
    // Some editors write a byte-order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut assignments = Vec::new();
    for assignment in dotenvy::from_read_iter(text.as_bytes()) {
        match assignment {
            Ok(assignment) => assignments.push(assignment),
            Err(dotenvy::Error::LineParse(line, _)) => {
                let first = line.lines().next().unwrap_or_default().trim();
                let number = text
                    .lines()
                    .position(|it| !first.is_empty() && it.contains(first));
                let place = number.map_or(String::new(), |at| format!("line {} ", at + 1));
                let problem = "is not NAME=value; quote a value that contains spaces";
                violations.push(Violation::new(subject(), format!("{place}{problem}")));
            }
            Err(error) => violations.push(Violation::new(
                subject(),
                format!("cannot be read: {error}"),
            )),
        }
    }
    assignments
}
