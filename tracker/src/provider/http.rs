//! One bounded HTTP request to a provider.
//!
//! One invariant: a request ends within its time-out, takes at most 1 MiB, goes nowhere but where it was sent, and fails
//! with an error that holds no URL (the keys of some providers are in it). Providers over HTTP call it.

mod retry_after;

use std::{error::Error, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header::HeaderMap, redirect, retry};

use crate::provider::PollError;

/// The longest answer that is read, in bytes.
const LONGEST: usize = 1024 * 1024;
/// The longest that connecting may take of the time-out.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a provider that only says "too many" is left alone: its windows are minutes.
const TOO_MANY: Duration = Duration::from_mins(1);

/// A client for one provider.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
}

impl Http {
    /// A client for `base` whose requests end within `timeout`, body included.
    ///
    /// # Errors
    /// The machine's certificates cannot be loaded, which only matters for `https`.
    pub(super) fn new(base: &Url, timeout: Duration) -> Result<Self, reqwest::Error> {
        // Fails if it was done before, and then it is done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("stock-tracker/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .connect_timeout(timeout.min(CONNECT))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy();
        if base.scheme() == "http" {
            // Nothing to verify, so that a machine without certificates can still talk to a stand-in or proxy.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(reqwest::Error::without_url)?;
        Ok(Self { client })
    }

    /// Asks once and answers the body of a success.
    pub(super) async fn get(&self, url: Url, headers: HeaderMap) -> Result<Vec<u8>, PollError> {
        let request = self.client.get(url).headers(headers);
        let response = request.send().await.map_err(failure)?;
        match refusal(&response) {
            Some(error) => Err(error),
            None => body(response).await,
        }
    }
}

/// What a status other than success means.
fn refusal(response: &Response) -> Option<PollError> {
    let status = response.status();
    let wait = retry_after::wait(response.headers());
    let reason = || format!("HTTP {}", status.as_u16()).into();
    match status {
        status if status.is_success() => None,
        StatusCode::TOO_MANY_REQUESTS => Some(PollError::RateLimited {
            wait: wait.unwrap_or(TOO_MANY),
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

async fn body(mut response: Response) -> Result<Vec<u8>, PollError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > LONGEST {
            return Err(PollError::malformed("longer than 1 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What kept a request from being answered: the innermost cause, which knows the reason but not the URL.
fn failure(error: reqwest::Error) -> PollError {
    if error.is_timeout() {
        return PollError::Timeout;
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    };
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    PollError::upstream(format!("{what}: {cause}"))
}
