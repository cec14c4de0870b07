//! Values of arguments and variables against the types of their places.
//!
//! Invariant: one set of rules for what a document says and for what a request sends; they differ
//! only in how an enum's value is written. Called for every argument, default and variable.

use std::fmt::{self, Write};

use async_graphql::{
    Name, Pos, Value as ConstValue,
    parser::types::{BaseType, Type},
};
use async_graphql_value::indexmap::IndexMap;

use super::{
    schema::{Definition, Inputs, Types},
    view::{Seen, View, seen, short},
};

/// A name or a place in a list, on the way into a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// One place at which a variable is used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage<'a> {
    pub(super) name: &'a Name,
    pub(super) expected: &'a Type,
    /// The place's default, unless that is null.
    pub(super) default: Option<&'a ConstValue>,
    /// Whether null is refused there, though the type allows it.
    pub(super) never_null: bool,
    pub(super) pos: Pos,
}

/// Why a value is none of its type.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Names the place.
    pub(super) message: String,
    /// The application said so.
    pub(super) scalar: bool,
    /// And this to programs.
    pub(super) reason: Option<&'static str>,
}

/// Whose value it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Argument,
    Default,
    /// Sent beside the document: an enum's value is a string there.
    Variable,
}

/// A place that holds a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) source: Source,
    pub(super) name: &'a str,
    pub(super) expected: &'a Type,
    /// Its default, unless that is null.
    pub(super) default: Option<&'a ConstValue>,
    pub(super) pos: Pos,
}

/// One value, being judged.
pub(super) struct Judge<'a> {
    types: &'a Types,
    place: Place<'a>,
    path: Vec<Step<'a>>,
    pub(super) misfits: Vec<Misfit>,
    pub(super) usages: Vec<Usage<'a>>,
}

impl<'a> Judge<'a> {
    /// Judges a value, to the end.
    pub(super) fn of<V: Seen>(types: &'a Types, place: Place<'a>, value: &'a V) -> Self {
        let mut judge = Self {
            types,
            place,
            path: Vec::new(),
            misfits: Vec::new(),
            usages: Vec::new(),
        };
        judge.check(place.expected, place.default, value);
        judge
    }

    fn check<V: Seen>(&mut self, ty: &'a Type, default: Option<&'a ConstValue>, value: &'a V) {
        match (value.view(), &ty.base) {
            (View::Variable(name), _) => self.usages.push(Usage {
                name,
                expected: ty,
                default,
                never_null: false,
                pos: self.place.pos,
            }),
            (View::Null, _) if ty.nullable => {}
            (View::Null, _) => self.refuse(format_args!("`{ty}` cannot be null")),
            (View::List(items), BaseType::List(item)) => {
                for (index, value) in items.iter().enumerate() {
                    self.within(Step::Index(index), |judge| judge.check(item, None, value));
                }
            }
            // A value stands for a list of it.
            (_, BaseType::List(item)) => self.check(item, None, value),
            (_, BaseType::Named(name)) => self.check_named(name, value),
        }
    }

    fn check_named<V: Seen>(&mut self, name: &'a Name, value: &'a V) {
        let types = self.types;
        let fits = match (types.find(name), value.view()) {
            (Some(Definition::Enum(values)), View::Enum(value)) => values.contains(value),
            (Some(Definition::Enum(values)), View::String(value)) => {
                self.place.source == Source::Variable && values.contains(value)
            }
            (Some(Definition::Input { fields, one_of }), View::Object(given)) => {
                return self.check_fields(name, fields, *one_of, given);
            }
            (Some(Definition::Enum(_) | Definition::Input { .. }), _) => false,
            (Some(Definition::Scalar), view) => match (name.as_str(), view) {
                ("Int", View::Number(number)) => {
                    number.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
                }
                ("ID", View::Number(number)) => !number.is_f64(),
                ("Float", View::Number(_))
                | ("String" | "ID", View::String(_))
                | ("Boolean", View::Boolean) => true,
                ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
                _ => return self.check_scalar(name, value),
            },
            // The library's to say.
            (Some(Definition::Composite { .. }) | None, _) => true,
        };
        if !fits {
            let seen = seen(&value.view());
            self.refuse(format_args!("a value of `{name}` is wanted, not {seen}"));
        }
    }

    fn check_fields<V: Seen>(
        &mut self,
        name: &'a Name,
        fields: &'a Inputs,
        one_of: bool,
        given: &'a IndexMap<Name, V>,
    ) {
        for (key, value) in given {
            match fields.get(key) {
                Some(field) => self.within(Step::Key(key), |judge| {
                    judge.check(&field.ty, field.default.as_ref(), value);
                    if let (View::Variable(_), Some(usage)) =
                        (value.view(), judge.usages.last_mut())
                    {
                        usage.never_null = one_of;
                    }
                }),
                None => self.refuse(format_args!("`{name}` has no field `{}`", short(key))),
            }
        }
        let required = fields.iter().filter(|(_, field)| field.required());
        for (key, field) in required.filter(|(key, _)| !given.contains_key(*key)) {
            let ty = &field.ty;
            self.refuse(format_args!("the field `{key}` of type `{ty}` is missing"));
        }
        let mut values = given.values();
        let one = values.len() == 1 && !values.any(|value| matches!(value.view(), View::Null));
        if one_of && !one {
            self.refuse(format_args!("`{name}` takes exactly one field, not null"));
        }
    }

    fn check_scalar<V: Seen>(&mut self, name: &'a Name, value: &'a V) {
        // What has a variable in it is judged when it is executed.
        let Some(value) = value.constant() else {
            return;
        };
        if let Err(message) = self.types.check(name, &value) {
            self.refuse(format_args!("{message}"));
            if let Some(misfit) = self.misfits.last_mut() {
                misfit.scalar = true;
                misfit.reason = self.types.reason(name);
            }
        }
    }

    fn within(&mut self, step: Step<'a>, check: impl FnOnce(&mut Self)) {
        self.path.push(step);
        check(self);
        self.path.pop();
    }

    fn refuse(&mut self, why: fmt::Arguments<'_>) {
        if self.misfits.len() >= super::MOST_ERRORS {
            return;
        }
        let what = match self.place.source {
            Source::Argument => "argument `",
            Source::Default => "default of variable `$",
            Source::Variable => "variable `$",
        };
        let mut message = format!("{what}{}", self.place.name);
        for step in &self.path {
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Key(key) => write!(message, ".{key}"),
                Step::Index(index) => write!(message, "[{index}]"),
            };
        }
        let _ = write!(message, "`: {why}");
        self.misfits.push(Misfit {
            message,
            scalar: false,
            reason: None,
        });
    }
}
