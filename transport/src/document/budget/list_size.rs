//! Estimates the number of items in a list field.
//!
//! Uses only the name and the arguments of the field, so no schema is required. Called once for
//! each field.

use std::{cell::Cell, collections::HashMap, convert::Infallible, fmt};

use async_graphql::{
    Positioned, Value as ConstValue, Variables,
    parser::types::{Field, VariableDefinition},
};

/// Estimates the length of lists.
pub trait ListSizes: Send + Sync + fmt::Debug + 'static {
    /// Returns the factor for the cost of the field's selections; 1 if the field is not a list.
    fn length(&self, name: &str, arguments: &Arguments<'_>) -> u64;
}

/// The arguments of one field.
#[derive(Debug)]
pub struct Arguments<'a> {
    field: &'a Field,
    variables: &'a Variables,
    definitions: &'a [Positioned<VariableDefinition>],
    read_variable: Cell<bool>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(
        field: &'a Field,
        variables: &'a Variables,
        definitions: &'a [Positioned<VariableDefinition>],
    ) -> Self {
        Self {
            field,
            variables,
            definitions,
            read_variable: Cell::new(false),
        }
    }

    /// Whether the value of a variable was read.
    pub(super) fn read_variable(&self) -> bool {
        self.read_variable.get()
    }

    /// Returns a non-negative integer argument, given as a literal or as a variable.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            ConstValue::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// Returns the number of items in a list argument.
    pub fn length(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            ConstValue::List(items) => Some(items.len() as u64),
            _ => None,
        }
    }

    /// The value with variables substituted; a variable that is not provided is null.
    fn value(&self, name: &str) -> Option<ConstValue> {
        let value = self.field.get_argument(name)?.node.clone();
        value
            .into_const_with(|variable| {
                self.read_variable.set(true);
                let given = self.variables.get(&variable).cloned();
                let default = || {
                    let mut all = self.definitions.iter();
                    let known = all.find(|definition| definition.node.name.node == variable)?;
                    Some(known.node.default_value.as_ref()?.node.clone())
                };
                Ok::<_, Infallible>(given.or_else(default).unwrap_or_default())
            })
            .ok()
    }
}

/// Estimates paginated lists by their `first` or `last` argument, or by a default length.
#[derive(Debug, Clone)]
pub struct PageSizes {
    /// Maximum page size. Longer pages are never loaded, so they do not cost more.
    max: u64,
    lists: HashMap<String, ListLength>,
    lengths: HashMap<String, String>,
}

/// The length of a list.
#[derive(Debug, Clone, Copy)]
struct ListLength {
    default: u64,
    max: u64,
}

impl Default for PageSizes {
    /// Pages of at most 500 items. A field without `first` or `last` is not a list.
    fn default() -> Self {
        Self::new(500)
    }
}

impl PageSizes {
    /// Creates an estimator for pages of at most `max` items.
    pub fn new(max: u64) -> Self {
        Self {
            max,
            lists: HashMap::new(),
            lengths: HashMap::new(),
        }
    }

    /// Sets the length of a list field that has neither `first` nor `last`.
    #[must_use]
    pub fn with_list(self, field: impl Into<String>, default: u64) -> Self {
        let max = self.max;
        self.with_long_list(field, default, max)
    }

    /// Like [`with_list`](Self::with_list), but with a limit of `max` items.
    #[must_use]
    pub fn with_long_list(mut self, field: impl Into<String>, default: u64, max: u64) -> Self {
        self.lists.insert(field.into(), ListLength { default, max });
        self
    }

    /// Makes the length of a field the number of items in its list argument `argument`.
    #[must_use]
    pub fn with_length(mut self, field: impl Into<String>, argument: impl Into<String>) -> Self {
        self.lengths.insert(field.into(), argument.into());
        self
    }
}

impl ListSizes for PageSizes {
    fn length(&self, name: &str, arguments: &Arguments<'_>) -> u64 {
        let first = arguments.integer("first");
        let last = arguments.integer("last");
        let sizes = self.lists.get(name);
        let items = if let Some(argument) = self.lengths.get(name) {
            arguments.length(argument)
        } else if first.is_some() || last.is_some() {
            first.max(last)
        } else {
            sizes.map(|sizes| sizes.default)
        };
        let max = sizes.map_or(self.max, |sizes| sizes.max);
        items.unwrap_or(1).clamp(1, max)
    }
}
