//! Writes responses as JSON. The bytes are the same as those of `serde_json`.

use std::io::Write as _;

use async_graphql::{Response, Value};
use bytes::Bytes;

/// Writes a response.
pub(super) fn response(response: &Response) -> Bytes {
    let mut out = Vec::from(b"{");
    if !response.errors.is_empty() {
        out.extend_from_slice(b"\"errors\":");
        push_any(&mut out, &response.errors);
        out.push(b',');
    }
    out.extend_from_slice(b"\"data\":");
    push_value(&mut out, &response.data);
    if !response.extensions.is_empty() {
        out.extend_from_slice(b",\"extensions\":");
        push_any(&mut out, &response.extensions);
    }
    out.push(b'}');
    out.into()
}

/// Appends a value.
pub(super) fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => push_plain(out, value),
        Value::String(text) => push_text(out, text),
        Value::Enum(name) => push_text(out, name),
        Value::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                push_comma(out, at);
                push_value(out, value);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (at, (name, value)) in fields.iter().enumerate() {
                push_comma(out, at);
                push_text(out, name);
                out.push(b':');
                push_value(out, value);
            }
            out.push(b'}');
        }
        Value::Number(_) | Value::Binary(_) => push_any(out, value),
    }
}

/// Appends a string, escaped and quoted.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        push_any(out, text);
    }
}

/// Appends in quotes what `write` appends, which needs no escaping.
pub(super) fn push_written(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

/// Appends a value whose text is JSON.
pub(super) fn push_plain(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("writing to memory never fails");
}

fn push_comma(out: &mut Vec<u8>, at: usize) {
    if at > 0 {
        out.push(b',');
    }
}

fn push_any(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    // Serialization fails only for maps whose keys are not strings; responses have none.
    out.extend(serde_json::to_vec(value).unwrap_or_else(|_| b"null".into()));
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
}
