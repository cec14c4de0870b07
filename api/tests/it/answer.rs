//! HTTP responses.

use std::sync::Once;

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// A response with its whole body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// Sends a request and reads the response.
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("a response");
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.expect("text"),
        }
    }

    /// The value of a header, empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{} {error}: {}", self.status, self.text))
    }

    /// The data of a GraphQL response without errors.
    pub(crate) fn data(&self) -> Value {
        let mut body = self.json();
        assert_eq!(self.status, 200, "{body}");
        assert!(body.get("errors").is_none(), "{body}");
        body["data"].take()
    }

    /// The only error of a GraphQL response.
    pub(crate) fn error(&self) -> Value {
        let mut body = self.json();
        let errors = body["errors"].as_array_mut().map(std::mem::take);
        let [error] = <[Value; 1]>::try_from(errors.unwrap_or_default())
            .unwrap_or_else(|errors| panic!("not one error but {errors:?}: {}", self.text));
        error
    }

    /// The code of the only error.
    pub(crate) fn code(&self) -> String {
        let error = self.error();
        let code = error["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no code: {error}"))
            .to_owned()
    }
}

/// A client that opens a connection for each request, because products outlive the tests that share
/// them. It requires a TLS provider, although the tests do not use TLS.
pub(crate) fn browser() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails if one is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}

/// Replaces every time of recording in a body by `[time]`. Asserts that each is in UTC with at most
/// 6 fractional digits.
pub(crate) fn timeless(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    let keys = ["last_updated", "recorded_at", "triggered_at"].map(|key| format!("\"{key}\":\""));
    while let Some((at, key)) = keys
        .iter()
        .filter_map(|key| rest.find(key.as_str()).map(|at| (at, key)))
        .min()
    {
        let (before, after) = rest.split_at(at + key.len());
        let end = after.find('"').expect("a string ends");
        let time = &after[..end];
        let read = chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%.fZ");
        let fraction = time.split_once('.').map_or(0, |(_, it)| it.len() - 1);
        assert!(read.is_ok() && fraction <= 6, "{time} is not an instant");
        result.push_str(before);
        result.push_str("[time]");
        rest = &after[end..];
    }
    result + rest
}
