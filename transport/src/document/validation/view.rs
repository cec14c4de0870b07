//! A trait for values in documents and for values in requests, so that one check works for both.

use async_graphql::{Name, Number, Value as ConstValue};
use async_graphql_value::{Value, indexmap::IndexMap};

/// The outermost level of a value.
pub(super) enum ValueView<'v, V> {
    Variable(&'v Name),
    Null,
    Number(&'v Number),
    String(&'v str),
    Boolean,
    Binary,
    Enum(&'v Name),
    List(&'v [V]),
    Object(&'v IndexMap<Name, V>),
}

/// A value in a document or in a request.
pub(super) trait AnyValue: Sized {
    /// The outermost level of the value.
    fn view(&self) -> ValueView<'_, Self>;
    /// The value without variables, or `None` if it contains one.
    fn to_const(&self) -> Option<ConstValue>;
}

/// Describes a value for an error message.
pub(super) fn describe<V>(view: &ValueView<'_, V>) -> String {
    match view {
        ValueView::Variable(name) => format!("${name}"),
        ValueView::Null => "null".to_owned(),
        ValueView::Number(number) => number.to_string(),
        ValueView::String(text) => format!("{:?}", truncate(text)),
        ValueView::Boolean => "a boolean".to_owned(),
        ValueView::Binary => "bytes".to_owned(),
        ValueView::Enum(name) => truncate(name).to_owned(),
        ValueView::List(_) => "a list".to_owned(),
        ValueView::Object(_) => "an object".to_owned(),
    }
}

/// Returns at most the first 40 characters, enough to recognize the value.
pub(super) fn truncate(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

impl AnyValue for Value {
    fn view(&self) -> ValueView<'_, Self> {
        match self {
            Self::Variable(name) => ValueView::Variable(name),
            Self::Null => ValueView::Null,
            Self::Number(number) => ValueView::Number(number),
            Self::String(text) => ValueView::String(text),
            Self::Boolean(_) => ValueView::Boolean,
            Self::Binary(_) => ValueView::Binary,
            Self::Enum(name) => ValueView::Enum(name),
            Self::List(items) => ValueView::List(items),
            Self::Object(fields) => ValueView::Object(fields),
        }
    }

    fn to_const(&self) -> Option<ConstValue> {
        self.clone().into_const()
    }
}

impl AnyValue for ConstValue {
    fn view(&self) -> ValueView<'_, Self> {
        match self {
            Self::Null => ValueView::Null,
            Self::Number(number) => ValueView::Number(number),
            Self::String(text) => ValueView::String(text),
            Self::Boolean(_) => ValueView::Boolean,
            Self::Binary(_) => ValueView::Binary,
            Self::Enum(name) => ValueView::Enum(name),
            Self::List(items) => ValueView::List(items),
            Self::Object(fields) => ValueView::Object(fields),
        }
    }

    fn to_const(&self) -> Option<ConstValue> {
        Some(self.clone())
    }
}
