//! Parses the parameters of a request from a JSON object or a query string.
//!
//! A parameter of the wrong type is an error that names it; it is never ignored. Used by HTTP (body
//! and query string) and by WebSocket (the payload of `subscribe`).

use async_graphql::{Extensions, Value, Variables};
use serde::Deserialize;

use crate::{
    document::{
        ResolvedRequest,
        persisted::{Documents, Hash},
    },
    error::RequestError,
};

/// The parameters of GraphQL over HTTP.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<Extensions>,
    /// The identifier of a persisted document.
    document_id: Option<String>,
}

impl Params {
    /// Parses a JSON object.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, RequestError> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let at = error.valid_up_to();
            RequestError::bad_request(format!("the request is not UTF-8: byte {at} is invalid"))
        })?;
        match text.trim_ascii_start().bytes().next() {
            Some(b'{') => serde_json::from_str(text).map_err(|error| {
                RequestError::bad_request(format!("invalid GraphQL request: {error}"))
            }),
            Some(b'[') => Err(RequestError::bad_request(
                "batched requests are not supported",
            )),
            Some(_) => Err(RequestError::bad_request(
                "the request must be a JSON object",
            )),
            None => Err(RequestError::bad_request("the request is empty")),
        }
    }

    /// Parses the query string of a URL, in which `variables` and `extensions` are JSON.
    pub(crate) fn from_query_string(text: &str) -> Result<Self, RequestError> {
        let mut params = Self::default();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let repeated = match &*key {
                "query" => params.query.replace(value.into_owned()).is_some(),
                "operationName" => params.operation_name.replace(value.into_owned()).is_some(),
                "documentId" => params.document_id.replace(value.into_owned()).is_some(),
                "variables" => parse_json(&key, &value, &mut params.variables)?,
                "extensions" => parse_json(&key, &value, &mut params.extensions)?,
                _ => false,
            };
            if repeated {
                return Err(RequestError::bad_request(format!(
                    "duplicate parameter `{key}`"
                )));
            }
        }
        Ok(params)
    }

    /// Whether both the document and its identifier are missing.
    pub(crate) fn is_empty(&self) -> bool {
        let has_persisted_query = |extensions: &Extensions| {
            let entry = extensions.get("persistedQuery");
            entry.is_some_and(|entry| *entry != Value::Null)
        };
        self.query.is_none()
            && self.document_id.is_none()
            && !self.extensions.as_ref().is_some_and(has_persisted_query)
    }

    /// Returns the request, and the hash to persist its document under once it is valid.
    pub(crate) fn into_request(
        self,
        documents: &Documents,
    ) -> Result<(ResolvedRequest, Option<Hash>), RequestError> {
        let extensions = self.extensions.unwrap_or_default();
        let document = documents.resolve(self.query, self.document_id.as_deref(), &extensions)?;
        let mut variables = self.variables.unwrap_or_default();
        variables.values_mut().for_each(normalize_integers);
        let request = ResolvedRequest {
            text: document.text,
            operation_name: self.operation_name.filter(|name| !name.is_empty()),
            variables,
            extensions,
        };
        Ok((request, document.keep))
    }
}

/// Converts floats without a fraction to integers: JSON does not distinguish `2.0` from `2`, so
/// both are valid for an `Int`. Limited to values that a double represents exactly.
fn normalize_integers(value: &mut Value) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number
                .as_f64()
                .filter(|it| it.fract() == 0.0 && it.abs() <= EXACT);
            let whole = whole.and_then(|it| format!("{it:.0}").parse::<i64>().ok());
            if let Some(whole) = whole {
                *number = whole.into();
            }
        }
        Value::List(items) => items.iter_mut().for_each(normalize_integers),
        Value::Object(fields) => fields.values_mut().for_each(normalize_integers),
        _ => {}
    }
}

fn parse_json<'a, T: Deserialize<'a>>(
    key: &str,
    text: &'a str,
    into: &mut Option<T>,
) -> Result<bool, RequestError> {
    if text.is_empty() {
        return Ok(false);
    }
    let value = serde_json::from_str::<Option<T>>(text).map_err(|error| {
        RequestError::bad_request(format!("`{key}` must be a JSON object: {error}"))
    })?;
    let repeated = into.is_some();
    *into = value;
    Ok(repeated)
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn a_float_without_a_fraction_is_an_integer() {
        let text = r#"{"a": 2.0, "b": [-0.0, 1e3, {"c": -7.00}], "d": 2.5, "e": 1e300, "f": 9007199254740993}"#;
        let mut value: Value = serde_json::from_str(text).expect("valid JSON");
        normalize_integers(&mut value);
        let expected = value!({"a": 2, "b": [0, 1000, {"c": (-7)}], "d": 2.5, "e": 1e300, "f": 9_007_199_254_740_993_i64});
        assert_eq!(value, expected);
    }
}
