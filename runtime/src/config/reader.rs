//! Takes typed values out of what was set, and collects what is wrong.
//!
//! One invariant: reading goes on after a fault, so that all of them are found; settings leave only if there is none.

use std::fmt::Display;

use super::{Fault, Program, Refusal, VARIABLES, Variable, raw::Given};

/// Reads variables one by one.
pub(super) struct Reader<'a> {
    program: Program,
    given: &'a Given,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(program: Program, given: &'a Given, faults: Vec<Fault>) -> Self {
        Self {
            program,
            given,
            faults,
        }
    }

    pub(super) fn program(&self) -> Program {
        self.program
    }

    /// Whether a value is set, itself or by its file, right or wrong.
    pub(super) fn has(&self, name: &str) -> bool {
        self.given.get(name).is_some() || self.given.file_of(name).is_some()
    }

    /// The value, or the table's default where none is set. After a fault, the default stands in.
    ///
    /// # Panics
    ///
    /// If the table has no default, or one that cannot be parsed.
    pub(super) fn value<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> T {
        self.optional(name, &parse).unwrap_or_else(|| {
            let default = Variable::named(name).fallback.value(self.program);
            match default.map(&parse) {
                Some(Ok(value)) => value,
                Some(Err(error)) => panic!("the default of {name} {error}"),
                None => panic!("{name} has no default"),
            }
        })
    }

    /// The value, if one is set and right.
    pub(super) fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.given.get(name)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, error.to_string());
                None
            }
        }
    }

    /// Notes that `name` is at fault, or the file that holds its value.
    pub(super) fn fault(&mut self, name: &'static str, problem: impl Into<String>) {
        if let Some((variable, path)) = self.given.file_of(name) {
            self.faults
                .push(Fault::new(variable, problem).showing(path));
            return;
        }
        let mut fault = Fault::new(name, problem);
        if let (Some(value), false) = (self.given.get(name), Variable::named(name).sensitive) {
            fault = fault.showing(value);
        }
        self.faults.push(fault);
    }

    /// The settings, if nothing is wrong; else all that is, in the table's order.
    pub(super) fn finish<T>(mut self, settings: T) -> Result<T, Refusal> {
        if self.faults.is_empty() {
            return Ok(settings);
        }
        self.faults.sort_by_key(|fault| {
            VARIABLES
                .iter()
                .position(|variable| variable.name == fault.subject)
        });
        Err(Refusal {
            faults: self.faults,
        })
    }
}
