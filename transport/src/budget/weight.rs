//! How many elements a field is likely to have.
//!
//! Invariant: only names and arguments are looked at, so that no schema is needed. Asked by the
//! budget for each field once; an application may bring its own.

use std::{collections::HashMap, convert::Infallible, fmt};

use async_graphql::{
    Positioned, Value as ConstValue, Variables,
    parser::types::{Field, VariableDefinition},
};

/// Knows the sizes of lists.
pub trait Weigh: Send + Sync + fmt::Debug + 'static {
    /// By how many the cost of the field's selection is multiplied; 1 for what is no list.
    fn items(&self, name: &str, arguments: &Arguments<'_>) -> u64;
}

/// The arguments of one field.
#[derive(Debug)]
pub struct Arguments<'a> {
    field: &'a Field,
    variables: &'a Variables,
    definitions: &'a [Positioned<VariableDefinition>],
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
        }
    }

    /// The value of an argument that is a number and not negative, given as it is or by a variable.
    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            ConstValue::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The length of an argument that is a list.
    pub fn length(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            ConstValue::List(items) => Some(items.len() as u64),
            _ => None,
        }
    }

    /// With variables filled in; one that is not given is null.
    fn value(&self, name: &str) -> Option<ConstValue> {
        let value = self.field.get_argument(name)?.node.clone();
        value
            .into_const_with(|variable| {
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

/// Lists that are asked for in pages: `first` or `last` elements, or so many by default.
#[derive(Debug, Clone)]
pub struct PageSizes {
    /// More than a page has is never loaded, so it does not cost either.
    max: u64,
    lists: HashMap<String, Sizes>,
    lengths: HashMap<String, String>,
}

/// How many elements a list has.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    default: u64,
    max: u64,
}

impl Default for PageSizes {
    /// Pages of at most 500; no field is a list unless it is asked for `first` or `last`.
    fn default() -> Self {
        Self::new(500)
    }
}

impl PageSizes {
    /// Pages of at most so many elements.
    pub fn new(max: u64) -> Self {
        Self {
            max,
            lists: HashMap::new(),
            lengths: HashMap::new(),
        }
    }

    /// A field of that name has so many elements unless it says otherwise.
    #[must_use]
    pub fn with_list(self, field: impl Into<String>, default: u64) -> Self {
        let max = self.max;
        self.with_long_list(field, default, max)
    }

    /// As [`with_list`](Self::with_list), with at most `max` elements.
    #[must_use]
    pub fn with_long_list(mut self, field: impl Into<String>, default: u64, max: u64) -> Self {
        self.lists.insert(field.into(), Sizes { default, max });
        self
    }

    /// A field of that name has as many elements as that argument.
    #[must_use]
    pub fn with_length(mut self, field: impl Into<String>, argument: impl Into<String>) -> Self {
        self.lengths.insert(field.into(), argument.into());
        self
    }
}

impl Weigh for PageSizes {
    fn items(&self, name: &str, arguments: &Arguments<'_>) -> u64 {
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
