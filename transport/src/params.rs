//! The parameters of a request, from a JSON object or a query string.
//!
//! Invariant: a parameter of the wrong type is refused and named, never ignored. Called by HTTP
//! (body and query string) and WebSocket (`subscribe` payload).

use async_graphql::{Extensions, Request, Value, Variables};
use serde::Deserialize;

use crate::{
    fault::Fault,
    persisted::{Documents, Hash},
};

/// The four parameters of GraphQL over HTTP.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<Extensions>,
    /// Of a published document.
    document_id: Option<String>,
}

impl Params {
    /// Reads a JSON object.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(text).map_err(|error| {
            let at = error.valid_up_to();
            Fault::bad_request(format!("the request is not UTF-8: byte {at} is invalid"))
        })?;
        match text.trim_ascii_start().bytes().next() {
            Some(b'{') => serde_json::from_str(text)
                .map_err(|error| Fault::bad_request(format!("not a GraphQL request: {error}"))),
            Some(b'[') => Err(Fault::bad_request("batches of requests are not served")),
            Some(_) => Err(Fault::bad_request("a request must be a JSON object")),
            None => Err(Fault::bad_request("the request is empty")),
        }
    }

    /// Reads a URL's query string, in which `variables` and `extensions` are JSON.
    pub(crate) fn from_query_string(text: &str) -> Result<Self, Fault> {
        let mut params = Self::default();
        for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let repeated = match &*key {
                "query" => params.query.replace(value.into_owned()).is_some(),
                "operationName" => params.operation_name.replace(value.into_owned()).is_some(),
                "documentId" => params.document_id.replace(value.into_owned()).is_some(),
                "variables" => read(&key, &value, &mut params.variables)?,
                "extensions" => read(&key, &value, &mut params.extensions)?,
                _ => false,
            };
            if repeated {
                return Err(Fault::bad_request(format!("`{key}` is given twice")));
            }
        }
        Ok(params)
    }

    /// Whether neither a document nor the name of one is there.
    pub(crate) fn is_empty(&self) -> bool {
        let named = |extensions: &Extensions| {
            let entry = extensions.get("persistedQuery");
            entry.is_some_and(|entry| *entry != Value::Null)
        };
        self.query.is_none()
            && self.document_id.is_none()
            && !self.extensions.as_ref().is_some_and(named)
    }

    /// The request, and the hash to keep its document under once it has proved valid.
    pub(crate) fn into_request(
        self,
        documents: &Documents,
    ) -> Result<(Request, Option<Hash>), Fault> {
        let extensions = self.extensions.unwrap_or_default();
        let found = documents.find(self.query, self.document_id.as_deref(), &extensions)?;
        let mut request = Request::new(found.text);
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        request.variables = self.variables.unwrap_or_default();
        request.variables.values_mut().for_each(make_whole);
        request.extensions = extensions;
        Ok((request, found.keep))
    }
}

/// JSON has one kind of number: its `2.0` is the `2` that an `Int` takes. Within what a double holds exactly.
fn make_whole(value: &mut Value) {
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
        Value::List(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

fn read<'a, T: Deserialize<'a>>(
    key: &str,
    text: &'a str,
    into: &mut Option<T>,
) -> Result<bool, Fault> {
    if text.is_empty() {
        return Ok(false);
    }
    let value = serde_json::from_str::<Option<T>>(text)
        .map_err(|error| Fault::bad_request(format!("`{key}` is not a JSON object: {error}")))?;
    let repeated = into.is_some();
    *into = value;
    Ok(repeated)
}

#[cfg(test)]
mod tests {
    use async_graphql::value;

    use super::*;

    #[test]
    fn a_whole_number_is_whole_however_json_writes_it() {
        let text = r#"{"a": 2.0, "b": [-0.0, 1e3, {"c": -7.00}], "d": 2.5, "e": 1e300, "f": 9007199254740993}"#;
        let mut read: Value = serde_json::from_str(text).expect("JSON");
        make_whole(&mut read);
        let expected = value!({"a": 2, "b": [0, 1000, {"c": (-7)}], "d": 2.5, "e": 1e300, "f": 9_007_199_254_740_993_i64});
        assert_eq!(read, expected);
    }
}
