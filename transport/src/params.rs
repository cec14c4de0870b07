//! The parameters of a request, from a JSON object or a query string.
//!
//! Invariant: a parameter of the wrong type is refused and named, never ignored. Called by HTTP
//! (body and query string) and WebSocket (`subscribe` payload).

use async_graphql::{Extensions, Request, Variables};
use serde::Deserialize;

use crate::fault::Fault;

/// The four parameters of GraphQL over HTTP.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Params {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<Extensions>,
}

impl Params {
    /// Reads a JSON object.
    pub(crate) fn from_json(text: &[u8]) -> Result<Self, Fault> {
        match text.trim_ascii_start().first() {
            Some(b'{') => serde_json::from_slice(text)
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
        self.query.is_none() && self.extensions.is_none()
    }

    /// The document's text and the rest.
    pub(crate) fn into_request(self) -> Result<Request, Fault> {
        let Some(query) = self.query else {
            return Err(Fault::bad_request("`query` is missing"));
        };
        let mut request = Request::new(query);
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        request.variables = self.variables.unwrap_or_default();
        request.extensions = self.extensions.unwrap_or_default();
        Ok(request)
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
