//! Parses the raw values into typed settings and collects all violations.

use std::fmt::Display;

use super::{ConfigError, Program, VARIABLES, Variable, Violation, raw::RawSettings};

/// Reads variables one by one. An invalid value does not stop it, so that all violations are
/// reported at once.
pub(super) struct SettingsReader<'a> {
    program: Program,
    raw: &'a RawSettings,
    violations: Vec<Violation>,
}

impl<'a> SettingsReader<'a> {
    pub(super) fn new(program: Program, raw: &'a RawSettings, violations: Vec<Violation>) -> Self {
        Self {
            program,
            raw,
            violations,
        }
    }

    pub(super) fn program(&self) -> Program {
        self.program
    }

    /// Whether the variable or its `…_FILE` variable is set, valid or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw.get(name).is_some() || self.raw.file_of(name).is_some()
    }

    /// Returns the parsed value, or the default if none is set. An invalid value is reported and
    /// replaced by the default.
    ///
    /// # Panics
    ///
    /// If the table has no default value, or one that cannot be parsed.
    pub(super) fn value<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        self.optional(name, &parse).unwrap_or_else(|| {
            let default = Variable::named(name).default.value(self.program);
            match default.map(&parse) {
                Some(Ok(value)) => value,
                Some(Err(error)) => panic!("the default of {name} {error}"),
                None => panic!("{name} has no default"),
            }
        })
    }

    /// Returns the parsed value if one is set. An invalid value is reported.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.raw.get(name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.reject(name, error.to_string());
                None
            }
        }
    }

    /// Reports a problem with `name`, or with the file that its value was read from.
    pub(super) fn reject(&mut self, name: &'static str, problem: impl Into<String>) {
        if let Some((variable, path)) = self.raw.file_of(name) {
            self.violations
                .push(Violation::new(variable, problem).showing(path));
            return;
        }
        let mut violation = Violation::new(name, problem);
        if let (Some(value), false) = (self.raw.get(name), Variable::named(name).sensitive) {
            violation = violation.showing(value);
        }
        self.violations.push(violation);
    }

    /// Returns the settings if there are no violations.
    pub(super) fn finish<T>(mut self, settings: T) -> Result<T, ConfigError> {
        if self.violations.is_empty() {
            return Ok(settings);
        }
        self.violations.sort_by_key(|violation| {
            VARIABLES
                .iter()
                .position(|variable| variable.name == violation.subject)
        });
        Err(ConfigError {
            violations: self.violations,
        })
    }
}
