//! What was set, and where.
//!
//! A flag wins over the environment, the environment over the file, and an empty value counts as unset everywhere. A
//! secret is set by its variable or by the file that its `…_FILE` variable names, never by both.

use std::{collections::HashMap, ffi::OsString, io, path::Path};

use super::{Fault, Secret, VARIABLES, flag::Flags};

/// The values that apply, by variable, not empty. Those that are not read from a secret's file are
/// trimmed.
#[derive(Default)]
pub(super) struct Given(HashMap<&'static str, String>);

impl Given {
    /// Lays the three sources over each other. What cannot be read is added to `faults`.
    pub(super) fn collect(
        flags: Flags,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: &Path,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut given = Self::default();
        for (name, value) in read_file(dotenv, faults) {
            given.set(&name, &value);
        }
        for (name, value) in env {
            let Some(name) = name.to_str().and_then(known) else {
                continue;
            };
            match value.into_string() {
                Ok(value) => given.set(name, &value),
                Err(_) => faults.push(Fault::new(name, "is not UTF-8")),
            }
        }
        for (name, value) in flags {
            given.set(name, &value);
        }
        given.read_secrets(faults);
        given
    }

    /// Reads the files that hold secrets, each as the value of its secret's variable.
    fn read_secrets(&mut self, faults: &mut Vec<Fault>) {
        for variable in VARIABLES {
            let (Some(secret), Some(path)) = (variable.secret(), self.get(variable.name)) else {
                continue;
            };
            if self.get(secret.name).is_some() {
                let problem = format!("cannot be set together with {}", secret.name);
                faults.push(Fault::new(variable.name, problem));
                continue;
            }
            match Secret::read_file(path) {
                Ok(value) => {
                    self.0.insert(secret.name, value.expose().to_owned());
                }
                Err(problem) => faults.push(Fault::new(variable.name, problem).showing(path)),
            }
        }
    }

    /// The variable whose file holds, or should hold, the value of `name`, and that file.
    pub(super) fn file_of(&self, name: &str) -> Option<(&'static str, &str)> {
        VARIABLES.iter().find_map(|variable| {
            let secret = variable.secret()?;
            let path = self.get(variable.name)?;
            (secret.name == name).then_some((variable.name, path))
        })
    }

    /// The value that applies, if one is set.
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

/// The file's assignments. Its parser's own words would repeat the line at fault, which may hold a secret.
fn read_file(path: &Path, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
    let subject = || path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            faults.push(Fault::new(subject(), format!("cannot be read: {error}")));
            return Vec::new();
        }
    };
    // Some editors begin a file with a mark that is none of its text.
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
                let problem = "is not NAME=value, with quotes around a value that holds spaces";
                faults.push(Fault::new(subject(), format!("{place}{problem}")));
            }
            Err(error) => faults.push(Fault::new(subject(), format!("cannot be read: {error}"))),
        }
    }
    assignments
}
