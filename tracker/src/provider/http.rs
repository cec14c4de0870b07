//! An HTTP client for providers, with a timeout, a size limit and support for `Retry-After`.
//!
//! A request takes at most its timeout, reads at most 1 MiB by default, and follows no redirect.
//! Errors contain no URL, because the URLs of some providers contain the key.

use std::{error::Error, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header::HeaderMap, redirect, retry};
use runtime::http::retry_after;

use crate::provider::PollError;

/// Maximum size of a body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// Maximum time to connect, which is part of the timeout.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait after 429 without `Retry-After`: rate limits usually count by the minute.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_mins(1);

/// An HTTP client for one provider.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    client: Client,
}

impl HttpClient {
    /// Creates a client for `base`. Requests take at most `timeout`, including the body.
    ///
    /// # Errors
    /// The root certificates of the system cannot be loaded. Only `https` needs them.
    pub(super) fn new(base: &Url, timeout: Duration) -> Result<Self, reqwest::Error> {
        // Fails if a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("stock-tracker/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy();
        if base.scheme() == "http" {
            // Without certificates of the system, plain HTTP to a proxy still works.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(reqwest::Error::without_url)?;
        Ok(Self { client })
    }

    /// Sends one request. Returns the response whatever its status, with a body of at most 1 MiB.
    pub(super) async fn get(
        &self,
        url: Url,
        headers: HeaderMap,
    ) -> Result<HttpResponse, PollError> {
        self.get_at_most(MAX_BODY, url, headers).await
    }

    /// Sends one request, like [`get`](Self::get), with another maximum size of the body.
    pub(super) async fn get_at_most(
        &self,
        max_body: usize,
        url: Url,
        headers: HeaderMap,
    ) -> Result<HttpResponse, PollError> {
        let request = self.client.get(url).headers(headers);
        let response = request.send().await.map_err(failure)?;
        let (status, wait) = (response.status(), retry_after(response.headers()));
        let body = match body(response, max_body).await {
            Ok(body) => body,
            // The status is the cause, not that its body cannot be read.
            Err(_) if !status.is_success() => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(HttpResponse { status, wait, body })
    }
}

/// A response with any status.
#[derive(Debug)]
pub(super) struct HttpResponse {
    /// The status.
    pub(super) status: StatusCode,
    /// The value of `Retry-After`.
    pub(super) wait: Option<Duration>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl HttpResponse {
    /// Returns the body of a successful response, or the error of its status.
    pub(super) fn success(self) -> Result<Vec<u8>, PollError> {
        match status_error(self.status, self.wait) {
            Some(error) => Err(error),
            None => Ok(self.body),
        }
    }
}

/// Returns the error of a status other than success.
pub(super) fn status_error(status: StatusCode, wait: Option<Duration>) -> Option<PollError> {
    let reason = || format!("HTTP {}", status.as_u16()).into();
    match status {
        status if status.is_success() => None,
        StatusCode::TOO_MANY_REQUESTS => Some(PollError::RateLimited {
            wait: wait.unwrap_or(DEFAULT_RETRY_AFTER),
        }),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Some(PollError::Refused { reason: reason() })
        }
        _ => Some(PollError::Upstream {
            reason: reason(),
            wait,
        }),
    }
}

async fn body(mut response: Response, max: usize) -> Result<Vec<u8>, PollError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > max {
            let mebibytes = max / MAX_BODY;
            return Err(PollError::malformed(format!("longer than {mebibytes} MiB")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Converts an error of the client. The innermost cause has the reason but no URL.
fn failure(error: reqwest::Error) -> PollError {
    if error.is_timeout() {
        return PollError::Timeout;
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "connection failed"
    };
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    PollError::upstream(format!("{what}: {cause}"))
}
