//! Reads JSON objects whose values are kept as written, so that numbers keep all their digits.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{PollError, field};

/// A JSON object whose values are kept as written.
pub(super) type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// A value as written, or `None` if it is missing or `null`.
pub(super) type Value<'a> = Option<&'a RawValue>;

/// Parses a response, which is an object.
///
/// # Errors
/// It is not one.
pub(super) fn response<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, PollError> {
    serde_json::from_slice(body).map_err(|_| PollError::malformed("not a JSON object"))
}

/// Parses an object, or returns `None` for other values.
pub(super) fn object(value: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(value.get()).ok()
}

/// Parses a list, or returns `None` for other values.
pub(super) fn list(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// Returns the text of a string or number, as written.
pub(super) fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    field::text(value?)
}

/// Returns the text of a string or number in an object.
pub(super) fn text_of<'a>(object: &Object<'a>, name: &str) -> Option<Cow<'a, str>> {
    field::text(object.get(name)?)
}
