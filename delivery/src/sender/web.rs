//! Requests to servers: one `POST`, no redirect, no proxy, no cookie.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, redirect, retry};
use runtime::http::retry_after;
use url::Url;

use super::{Answer, cause};
use crate::{
    Advice, Failure, Target,
    format::{Request, TelegramAnswer},
    guard::Guard,
};

/// Maximum size of an answer of Telegram, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Maximum length of Telegram's reason, in characters.
const MAX_REASON: usize = 120;
/// Maximum wait that a receiver can request.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// Minimum length of a part of a URL that is removed from a reason, in bytes.
const MIN_SECRET: usize = 3;

/// A client for servers, whose connections the guard has checked.
#[derive(Clone, Debug)]
pub(super) struct WebClient {
    client: Client,
    guard: Guard,
}

impl WebClient {
    /// Creates a client.
    pub(super) fn new(guard: Guard) -> Result<Self, reqwest::Error> {
        let builder = || {
            Client::builder()
                .user_agent(concat!("stock-tracker/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .referer(false)
                .no_proxy()
                .dns_resolver(guard.clone())
        };
        let client = builder().build().or_else(|error| {
            tracing::warn!(
                %error,
                "webhooks with https cannot be sent: install the root certificates (ca-certificates)"
            );
            // Without certificates, plain HTTP still works.
            builder().tls_certs_only([]).build()
        });
        let client = client.map_err(reqwest::Error::without_url)?;
        Ok(Self { client, guard })
    }

    /// Sends a request.
    pub(super) async fn post(&self, target: &Target, request: Request) -> Answer {
        let Request { url, headers, body } = request;
        if let Err(error) = self.guard.check_literal(&url) {
            return Answer::failed(Failure::new(&error.to_string(), Advice::Retry));
        }
        let is_telegram = target.format() == entity::WebhookFormat::Telegram;
        let secrets = is_telegram.then(|| secrets(target));
        let sent = self.client.post(url).headers(headers).body(body).send();
        match sent.await {
            Err(error) => Answer::failed(Failure::new(&transport_error(&error), Advice::Retry)),
            Ok(response) => match secrets {
                Some(secrets) => telegram(response, &secrets).await,
                None => answer(&response),
            },
        }
    }
}

/// Returns the reason of a transport error.
fn transport_error(error: &reqwest::Error) -> String {
    cause::of(error).unwrap_or_else(|| {
        let text = if error.is_connect() {
            "the connection could not be established"
        } else {
            "the connection was closed before an answer"
        };
        text.to_owned()
    })
}

/// Returns the result of a response from its status and headers.
fn answer(response: &Response) -> Answer {
    let status = response.status();
    if status.is_success() {
        return Answer::delivered(status.as_u16());
    }
    let failure = Failure {
        error: status_text(status),
        advice: advice(status),
        retry_after: retry_after(response.headers()),
    };
    Answer::rejected(status.as_u16(), failure)
}

fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("HTTP {} {reason}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    }
}

fn advice(status: StatusCode) -> Advice {
    match status {
        StatusCode::GONE => Advice::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            Advice::SlowDown
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Advice::Retry,
        status if status.is_client_error() => Advice::StepAside,
        _ => Advice::Retry,
    }
}

/// Returns the result of a response of Telegram, whose body has the result, the reason of a failure
/// and how long to wait.
async fn telegram(response: Response, secrets: &[String]) -> Answer {
    let by_status = answer(&response);
    let status = response.status();
    let body = body(response).await;
    let parsed = body.and_then(|body| serde_json::from_slice::<TelegramAnswer>(&body).ok());
    let Some(TelegramAnswer {
        ok,
        error_code,
        description,
        parameters,
    }) = parsed
    else {
        return if status.is_success() {
            let failure = Failure::new("the answer is not one of Telegram", Advice::Retry);
            Answer::rejected(status.as_u16(), failure)
        } else {
            by_status
        };
    };
    if ok && status.is_success() {
        return by_status;
    }
    let code = error_code.and_then(|code| StatusCode::from_u16(code).ok());
    let code = code.filter(|_| status.is_success()).unwrap_or(status);
    let wait = parameters.and_then(|parameters| parameters.retry_after);
    let wait = wait.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    let by_header = match by_status.outcome {
        crate::Outcome::Failed(failure) => failure.retry_after,
        crate::Outcome::Delivered => None,
    };
    let reason = description.map(|text| format!(": {}", masked(&text, secrets)));
    let failure = Failure {
        error: format!("{}{}", status_text(code), reason.unwrap_or_default()),
        advice: advice(code),
        retry_after: wait.or(by_header),
    };
    Answer::rejected(status.as_u16(), failure)
}

/// Reads a body, or `None` if it is too long or ends early.
async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        if body.len() + chunk.len() > MAX_BODY {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// The parts of a URL that a reason must not show: the segments of its path and the values of its
/// query, encoded and decoded, and the token without its prefix.
fn secrets(target: &Target) -> Vec<String> {
    let crate::target::Receiver::Web(url) = target.receiver() else {
        return Vec::new();
    };
    let mut secrets = parts(url);
    secrets.retain(|secret| secret.len() >= MIN_SECRET && secret != "sendMessage");
    // The longest first, so that a part of another one leaves nothing of it.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

fn parts(url: &Url) -> Vec<String> {
    let decoded = |text: &str| {
        let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        text.into_owned()
    };
    let segments = url.path().split('/').flat_map(|segment| {
        let token = segment.strip_prefix("bot").unwrap_or(segment);
        // The id of the bot, and its key.
        let halves = token.split(':').map(str::to_owned);
        let whole = [
            segment.to_owned(),
            decoded(segment),
            token.to_owned(),
            decoded(token),
        ];
        whole.into_iter().chain(halves).collect::<Vec<_>>()
    });
    let values = url.query_pairs().map(|(_, value)| value.into_owned());
    segments.chain(values).collect()
}

/// Returns a reason on one short line, without the secrets.
fn masked(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret, crate::MASK);
    }
    let visible = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    visible.take(MAX_REASON).collect()
}
