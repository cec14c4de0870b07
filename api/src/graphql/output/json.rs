//! Writes responses as JSON, and wraps finished JSON as a raw value of async-graphql.
//!
//! The bytes are the same as those of async-graphql with `serde_json`.

use std::fmt::Write as _;

use async_graphql::{Name, Response, Value, indexmap::IndexMap};
use async_graphql_value::RAW_VALUE_TOKEN;
use bytes::Bytes;

/// Wraps JSON as a value. async-graphql must not have to merge it with another value of the same
/// key: it would keep only the first.
pub(super) fn raw(json: String) -> Value {
    let field = (Name::new(RAW_VALUE_TOKEN), Value::String(json));
    Value::Object(IndexMap::from_iter([field]))
}

/// Writes a response.
pub(in crate::graphql) fn response(response: &Response) -> Bytes {
    let mut out = String::from("{");
    if !response.errors.is_empty() {
        out.push_str("\"errors\":");
        push_any(&mut out, &response.errors);
        out.push(',');
    }
    out.push_str("\"data\":");
    push_value(&mut out, &response.data);
    if !response.extensions.is_empty() {
        out.push_str(",\"extensions\":");
        push_any(&mut out, &response.extensions);
    }
    out.push('}');
    out.into()
}

/// Appends a value.
pub(super) fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::String(text) => push_text(out, text),
        Value::Enum(name) => push_text(out, name),
        Value::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                push_comma(out, at);
                push_value(out, value);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            if let Some(Value::String(json)) = fields.get(RAW_VALUE_TOKEN) {
                return out.push_str(json);
            }
            out.push('{');
            for (at, (name, value)) in fields.iter().enumerate() {
                push_comma(out, at);
                push_text(out, name);
                out.push(':');
                push_value(out, value);
            }
            out.push('}');
        }
        Value::Number(_) | Value::Binary(_) => push_any(out, value),
    }
}

/// Appends a string, escaped and quoted.
pub(super) fn push_text(out: &mut String, text: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        push_quoted(out, text);
    } else {
        push_any(out, text);
    }
}

/// Appends a value in quotes whose text needs no escaping.
pub(super) fn push_quoted(out: &mut String, value: impl std::fmt::Display) {
    out.push('"');
    push_plain(out, value);
    out.push('"');
}

/// Appends a value whose text is JSON.
pub(super) fn push_plain(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to a string never fails");
}

fn push_comma(out: &mut String, at: usize) {
    if at > 0 {
        out.push(',');
    }
}

fn push_any(out: &mut String, value: &(impl serde::Serialize + ?Sized)) {
    // Serialization fails only for maps whose keys are not strings; responses have none.
    out.push_str(&serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()));
}

#[cfg(test)]
mod tests {
    use async_graphql::{ServerError, value};

    use super::*;

    #[test]
    fn a_response_has_the_bytes_of_the_library() {
        let data = value!({
            "text": "é \"quoted\" \\ \n \u{0} \u{7f} \u{2028} 🦀",
            "numbers": [0, -1, 1.5, 1e300, 9_223_372_036_854_775_807_i64],
            "others": [true, false, null, [], {}],
            "": {"nested": {"deep": ["a"]}},
        });
        for errors in [vec![], vec![ServerError::new("it \"failed\"", None)]] {
            for data in [data.clone(), Value::Null] {
                let mut given = Response::new(data).extension("more", value!({"a": [1]}));
                given.errors.clone_from(&errors);
                let expected = serde_json::to_string(&given).expect("serialized");
                assert_eq!(response(&given), expected);
            }
        }
    }

    #[test]
    fn raw_json_replaces_its_value() {
        let value = Value::List(vec![raw("{\"a\":[1,\"b\"]}".to_owned()), Value::Null]);
        let mut out = String::new();
        push_value(&mut out, &value);
        assert_eq!(out, "[{\"a\":[1,\"b\"]},null]");
        assert_eq!(out, serde_json::to_string(&value).expect("serialized"));
    }
}
