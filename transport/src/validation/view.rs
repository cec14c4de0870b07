//! One face for values of documents and values of requests.
//!
//! Invariant: nothing is copied to be looked at. Called while values are judged.

use async_graphql::{Name, Number, Value as ConstValue};
use async_graphql_value::{Value, indexmap::IndexMap};

/// What a value is, if only its outside is looked at.
pub(super) enum View<'v, V> {
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

/// A value of a document or of a request.
pub(super) trait Seen: Sized {
    /// Its outside.
    fn view(&self) -> View<'_, Self>;
    /// Itself, unless a variable is in it.
    fn constant(&self) -> Option<ConstValue>;
}

/// What to call a value that does not fit.
pub(super) fn seen<V>(view: &View<'_, V>) -> String {
    match view {
        View::Variable(name) => format!("`${name}`"),
        View::Null => "null".to_owned(),
        View::Number(number) => format!("`{number}`"),
        View::String(text) => format!("the string {:?}", short(text)),
        View::Boolean => "a boolean".to_owned(),
        View::Binary => "bytes".to_owned(),
        View::Enum(name) => format!("`{}`", short(name)),
        View::List(_) => "a list".to_owned(),
        View::Object(_) => "an object".to_owned(),
    }
}

/// Enough of a client's text to recognise it by.
pub(super) fn short(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

impl Seen for Value {
    fn view(&self) -> View<'_, Self> {
        match self {
            Self::Variable(name) => View::Variable(name),
            Self::Null => View::Null,
            Self::Number(number) => View::Number(number),
            Self::String(text) => View::String(text),
            Self::Boolean(_) => View::Boolean,
            Self::Binary(_) => View::Binary,
            Self::Enum(name) => View::Enum(name),
            Self::List(items) => View::List(items),
            Self::Object(fields) => View::Object(fields),
        }
    }

    fn constant(&self) -> Option<ConstValue> {
        self.clone().into_const()
    }
}

impl Seen for ConstValue {
    fn view(&self) -> View<'_, Self> {
        match self {
            Self::Null => View::Null,
            Self::Number(number) => View::Number(number),
            Self::String(text) => View::String(text),
            Self::Boolean(_) => View::Boolean,
            Self::Binary(_) => View::Binary,
            Self::Enum(name) => View::Enum(name),
            Self::List(items) => View::List(items),
            Self::Object(fields) => View::Object(fields),
        }
    }

    fn constant(&self) -> Option<ConstValue> {
        Some(self.clone())
    }
}
