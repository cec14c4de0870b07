//! The HTTP API of a provider: its origin, the headers with the key, and the limits of a request.

use std::{fmt, time::Duration};

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use runtime::config::Secret;

use super::{
    PollError,
    http::{HttpClient, HttpResponse},
};

/// A client for the HTTP API of one provider.
#[derive(Clone)]
pub(super) struct ApiClient {
    base: Url,
    headers: HeaderMap,
    http: HttpClient,
}

/// Why a client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not `http` or `https`.
    #[error("must be an http:// or https:// URL")]
    BaseUrl,
    /// A key has characters that a header cannot contain.
    #[error("the key may only contain visible ASCII characters")]
    Key,
    /// The HTTP client cannot be built because the system has no root certificates.
    #[error("cannot load the root certificates for TLS")]
    Tls(#[source] reqwest::Error),
}

impl ApiClient {
    /// Creates a client for an origin, whose requests take at most `timeout`, including the body.
    /// Sends no request.
    pub(super) fn new(base: &Url, timeout: Duration) -> Result<Self, ClientError> {
        let mut base = base.clone();
        if !matches!(base.scheme(), "http" | "https") {
            return Err(ClientError::BaseUrl);
        }
        base.path_segments_mut()
            .map_err(|()| ClientError::BaseUrl)?
            .pop_if_empty();
        let http = HttpClient::new(&base, timeout).map_err(ClientError::Tls)?;
        Ok(Self {
            base,
            headers: HeaderMap::new(),
            http,
        })
    }

    /// Adds a header with a secret to every request.
    pub(super) fn with_secret(
        mut self,
        name: &'static str,
        prefix: &str,
        secret: &Secret,
    ) -> Result<Self, ClientError> {
        let value = secret_header(prefix, secret)?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// Returns the URL of a path with a query, whose values it encodes.
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        // The base was checked to have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends one request.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<HttpResponse, PollError> {
        let url = self.url(path, query);
        self.http.get(url, self.headers.clone()).await
    }

    /// Sends one request, with another maximum size of the body.
    pub(super) async fn get_at_most(
        &self,
        max_body: usize,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<HttpResponse, PollError> {
        let (url, headers) = (self.url(path, query), self.headers.clone());
        self.http.get_at_most(max_body, url, headers).await
    }
}

/// Omits the headers, which contain the key.
impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").finish_non_exhaustive()
    }
}

/// Returns a key that the settings require if the provider is listed.
pub(super) fn required(key: Option<&Secret>) -> Secret {
    key.cloned().unwrap_or_else(|| Secret::new(""))
}

/// Returns the value of a header with a secret, which formatting does not show.
fn secret_header(prefix: &str, secret: &Secret) -> Result<HeaderValue, ClientError> {
    let text = format!("{prefix}{}", secret.expose());
    let mut value = HeaderValue::try_from(text).map_err(|_| ClientError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
