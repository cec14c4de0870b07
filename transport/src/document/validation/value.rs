//! Checks the values of arguments and variables against the types of their positions.
//!
//! The same rules apply to literals in the document and to variables in the request, except for
//! enum values: a name in a document, a string in a request. Called for each argument, default
//! value and variable.

use std::fmt::{self, Write};

use async_graphql::{
    Name, Pos, Value as ConstValue,
    parser::types::{BaseType, Type},
};
use async_graphql_value::indexmap::IndexMap;

use super::{
    schema::{InputDefs, TypeDef, Types},
    view::{AnyValue, ValueView, describe, truncate},
};

/// A field or an index in the path to a nested value.
#[derive(Clone, Copy)]
enum PathSegment<'a> {
    Key(&'a str),
    Index(usize),
}

/// One use of a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct VariableUsage<'a> {
    pub(super) name: &'a Name,
    pub(super) expected: &'a Type,
    /// The default value of the position, `None` if it is null.
    pub(super) default: Option<&'a ConstValue>,
    /// Whether null is rejected although the type is nullable, as in a `@oneOf` object.
    pub(super) never_null: bool,
    pub(super) pos: Pos,
}

/// A value that does not have the expected type.
#[derive(Debug)]
pub(super) struct CoercionError {
    /// Includes the path to the value.
    pub(super) message: String,
    /// Whether the check of a custom scalar failed.
    pub(super) is_custom_scalar: bool,
    /// The `extensions.reason` for clients.
    pub(super) reason: Option<&'static str>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueSource {
    Argument,
    Default,
    /// Sent in `variables`: an enum value is a string.
    Variable,
}

/// A position that takes a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct InputPosition<'a> {
    pub(super) source: ValueSource,
    pub(super) name: &'a str,
    pub(super) expected: &'a Type,
    /// The default value, `None` if it is null.
    pub(super) default: Option<&'a ConstValue>,
    pub(super) pos: Pos,
}

/// Checks one value and collects its errors and the variables in it.
pub(super) struct ValueChecker<'a> {
    types: &'a Types,
    position: InputPosition<'a>,
    path: Vec<PathSegment<'a>>,
    pub(super) errors: Vec<CoercionError>,
    pub(super) usages: Vec<VariableUsage<'a>>,
}

impl<'a> ValueChecker<'a> {
    /// Checks a value completely.
    pub(super) fn run<V: AnyValue>(
        types: &'a Types,
        position: InputPosition<'a>,
        value: &'a V,
    ) -> Self {
        let mut checker = Self {
            types,
            position,
            path: Vec::new(),
            errors: Vec::new(),
            usages: Vec::new(),
        };
        checker.check_value(position.expected, position.default, value);
        checker
    }

    fn check_value<V: AnyValue>(
        &mut self,
        ty: &'a Type,
        default: Option<&'a ConstValue>,
        value: &'a V,
    ) {
        match (value.view(), &ty.base) {
            (ValueView::Variable(name), _) => self.usages.push(VariableUsage {
                name,
                expected: ty,
                default,
                never_null: false,
                pos: self.position.pos,
            }),
            (ValueView::Null, _) if ty.nullable => {}
            (ValueView::Null, _) => {
                self.report(format_args!("Expected value of type \"{ty}\", found null."));
            }
            (ValueView::List(items), BaseType::List(item)) => {
                for (index, value) in items.iter().enumerate() {
                    self.at_segment(PathSegment::Index(index), |checker| {
                        checker.check_value(item, None, value);
                    });
                }
            }
            // A single value is coerced to a list of one.
            (_, BaseType::List(item)) => self.check_value(item, None, value),
            (_, BaseType::Named(name)) => self.check_named(name, value),
        }
    }

    fn check_named<V: AnyValue>(&mut self, name: &'a Name, value: &'a V) {
        let types = self.types;
        let is_valid = match (types.find(name), value.view()) {
            (Some(TypeDef::Enum(values)), ValueView::Enum(value)) => values.contains(value),
            (Some(TypeDef::Enum(values)), ValueView::String(value)) => {
                self.position.source == ValueSource::Variable && values.contains(value)
            }
            (Some(TypeDef::Input { fields, one_of }), ValueView::Object(given)) => {
                return self.check_fields(name, fields, *one_of, given);
            }
            (Some(TypeDef::Enum(_) | TypeDef::Input { .. }), _) => false,
            (Some(TypeDef::Scalar), view) => match (name.as_str(), view) {
                ("Int", ValueView::Number(number)) => {
                    number.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
                }
                ("ID", ValueView::Number(number)) => !number.is_f64(),
                ("Float", ValueView::Number(_))
                | ("String" | "ID", ValueView::String(_))
                | ("Boolean", ValueView::Boolean) => true,
                ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
                _ => return self.check_scalar(name, value),
            },
            // Undefined types are reported by async-graphql.
            (Some(TypeDef::Composite { .. }) | None, _) => true,
        };
        if !is_valid {
            let found = describe(&value.view());
            self.report(format_args!(
                "Expected value of type \"{name}\", found {found}."
            ));
        }
    }

    fn check_fields<V: AnyValue>(
        &mut self,
        name: &'a Name,
        fields: &'a InputDefs,
        one_of: bool,
        given: &'a IndexMap<Name, V>,
    ) {
        for (key, value) in given {
            match fields.get(key) {
                Some(field) => self.at_segment(PathSegment::Key(key), |checker| {
                    checker.check_value(&field.ty, field.default.as_ref(), value);
                    if let (ValueView::Variable(_), Some(usage)) =
                        (value.view(), checker.usages.last_mut())
                    {
                        usage.never_null = one_of;
                    }
                }),
                None => self.report(format_args!(
                    "Field \"{}\" is not defined by type \"{name}\".",
                    truncate(key)
                )),
            }
        }
        let required = fields.iter().filter(|(_, field)| field.is_required());
        for (key, field) in required.filter(|(key, _)| !given.contains_key(*key)) {
            let ty = &field.ty;
            self.report(format_args!(
                "Field \"{key}\" of required type \"{ty}\" was not provided."
            ));
        }
        let mut values = given.values();
        let exactly_one =
            values.len() == 1 && !values.any(|value| matches!(value.view(), ValueView::Null));
        if one_of && !exactly_one {
            self.report(format_args!("Exactly one key must be specified for OneOf type \"{name}\", and it must not be null."));
        }
    }

    fn check_scalar<V: AnyValue>(&mut self, name: &'a Name, value: &'a V) {
        // A value with variables in it is checked at execution.
        let Some(value) = value.to_const() else {
            return;
        };
        if let Err(message) = self.types.check(name, &value) {
            self.report(format_args!("{message}"));
            if let Some(error) = self.errors.last_mut() {
                error.is_custom_scalar = true;
                error.reason = self.types.reason(name);
            }
        }
    }

    fn at_segment(&mut self, segment: PathSegment<'a>, check: impl FnOnce(&mut Self)) {
        self.path.push(segment);
        check(self);
        self.path.pop();
    }

    fn report(&mut self, why: fmt::Arguments<'_>) {
        if self.errors.len() >= super::MAX_ERRORS {
            return;
        }
        let (subject, predicate) = match self.position.source {
            ValueSource::Argument => ("Argument \"", "has invalid value"),
            ValueSource::Default => ("Variable \"$", "has invalid default value"),
            ValueSource::Variable => ("Variable \"$", "got invalid value"),
        };
        let mut message = format!("{subject}{}", self.position.name);
        for segment in &self.path {
            // Writing to a `String` never fails.
            let _ = match segment {
                PathSegment::Key(key) => write!(message, ".{key}"),
                PathSegment::Index(index) => write!(message, "[{index}]"),
            };
        }
        let _ = write!(message, "\" {predicate}; {why}");
        self.errors.push(CoercionError {
            message,
            is_custom_scalar: false,
            reason: None,
        });
    }
}
