//! A receiver of messages, parsed and checked.

mod mail;
mod web;

use std::fmt;

use entity::{SecretText, Timestamp, Webhook, WebhookFormat};
use lettre::Address;
use reqwest::header::HeaderValue;
use runtime::config::DeliverySettings;
use url::Url;

pub(crate) use web::{CHAT_ID, TAG};

/// Replaces the secret parts of a URL.
pub const MASK: &str = "***";

/// Maximum length of a URL and of a token, in bytes.
const MAX_LENGTH: usize = 2048;
/// The prefix of a signing key.
const SECRET_PREFIX: &str = "whsec_";
/// Size of a generated signing key, in bytes.
const SECRET_BYTES: usize = 32;

/// A receiver of messages, parsed and checked. `Debug` shows the masked URL.
#[derive(Clone)]
pub struct Target {
    format: WebhookFormat,
    receiver: Receiver,
    token: Option<HeaderValue>,
    secrets: Vec<SecretText>,
}

/// Where a receiver is.
#[derive(Clone)]
pub(crate) enum Receiver {
    /// A server, with a scheme of `http` or `https`.
    Web(Url),
    /// A mailbox.
    Mail(Address),
}

/// A receiver that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct TargetError {
    /// The wrong field: `url`, `token` or `secret`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right, without the value.
    pub problem: String,
}

impl TargetError {
    fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self {
            field,
            problem: problem.into(),
        }
    }

    fn url(problem: impl Into<String>) -> Self {
        Self::new("url", problem)
    }
}

impl Target {
    /// Parses and checks a receiver. Names are not resolved, and nothing is sent.
    ///
    /// # Errors
    ///
    /// The first problem of `url` or `token`.
    pub fn parse(
        format: WebhookFormat,
        url: &str,
        token: Option<&str>,
        settings: &DeliverySettings,
    ) -> Result<Self, TargetError> {
        if url.len() > MAX_LENGTH {
            let problem = format!("must be at most {MAX_LENGTH} bytes long");
            return Err(TargetError::url(problem));
        }
        if url.contains(MASK) {
            return Err(TargetError::url(format!(
                "must be the whole URL; {MASK} stands for a part that is not shown"
            )));
        }
        // The parser would drop them.
        if url.chars().any(|it| it.is_control() || it.is_whitespace()) {
            return Err(TargetError::url("must not contain spaces or line breaks"));
        }
        let receiver = if format == WebhookFormat::Email {
            Receiver::Mail(mail::parse(url, settings)?)
        } else {
            Receiver::Web(web::parse(format, url, settings)?)
        };
        Ok(Self {
            format,
            receiver,
            token: token.map(|token| bearer(format, token)).transpose()?,
            secrets: Vec::new(),
        })
    }

    /// Creates the target of a stored webhook, with the keys that sign at `now`.
    ///
    /// # Errors
    ///
    /// The first problem, for example if the settings have changed since the webhook was created.
    pub fn of_webhook(
        webhook: &Webhook,
        now: Timestamp,
        settings: &DeliverySettings,
    ) -> Result<Self, TargetError> {
        let token = webhook.token.as_ref().map(|token| token.0.as_str());
        let previous = webhook.previous_secret.as_ref();
        let previous = previous.filter(|(_, until)| now < *until);
        Self::parse(webhook.format, &webhook.url.0, token, settings)?.signed_with(
            [&webhook.secret]
                .into_iter()
                .chain(previous.map(|(secret, _)| secret)),
        )
    }

    /// Signs with each of these keys, if the format signs.
    ///
    /// # Errors
    ///
    /// A key is not `whsec_` and base64.
    pub fn signed_with<'a>(
        self,
        secrets: impl IntoIterator<Item = &'a SecretText>,
    ) -> Result<Self, TargetError> {
        let secrets: Vec<_> = secrets.into_iter().cloned().collect();
        let is_valid = |secret: &SecretText| {
            secret.0.starts_with(SECRET_PREFIX) && standardwebhooks::Webhook::new(&secret.0).is_ok()
        };
        if !secrets.iter().all(is_valid) {
            let problem = format!("must be {SECRET_PREFIX} and base64");
            return Err(TargetError::new("secret", problem));
        }
        Ok(Self { secrets, ..self })
    }

    /// The format.
    pub fn format(&self) -> WebhookFormat {
        self.format
    }

    /// The URL without its secrets, like [`mask`].
    pub fn masked(&self) -> String {
        match &self.receiver {
            Receiver::Web(url) => web::mask(url),
            Receiver::Mail(address) => mail::mask(address.domain()),
        }
    }

    /// Where the receiver is.
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// The value of `Authorization`, if there is a token.
    pub(crate) fn token(&self) -> Option<&HeaderValue> {
        self.token.as_ref()
    }

    /// The keys to sign with.
    pub(crate) fn secrets(&self) -> &[SecretText] {
        &self.secrets
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("format", &self.format)
            .field("url", &self.masked())
            .finish_non_exhaustive()
    }
}

/// Returns the URL of a receiver without its secrets: its origin, or the domain of its mail
/// address, and [`MASK`].
pub fn mask(format: WebhookFormat, url: &str) -> String {
    let masked = match format {
        WebhookFormat::Email => mail::domain(url).map(mail::mask),
        _ => Url::parse(url).ok().map(|url| web::mask(&url)),
    };
    masked.unwrap_or_else(|| MASK.to_owned())
}

/// Generates a signing key of 256 bits, as `whsec_` and base64.
///
/// # Panics
///
/// Like [`runtime::random::draw_token`].
pub fn draw_secret() -> SecretText {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let bytes = runtime::random::draw_bytes::<SECRET_BYTES>();
    SecretText(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
}

/// Returns the value of `Authorization` for a token.
fn bearer(format: WebhookFormat, token: &str) -> Result<HeaderValue, TargetError> {
    if !matches!(format, WebhookFormat::Ntfy | WebhookFormat::Apprise) {
        return Err(TargetError::new(
            "token",
            "is only sent in the formats NTFY and APPRISE; leave it out",
        ));
    }
    let problem = || {
        TargetError::new(
            "token",
            format!("must be 1 to {MAX_LENGTH} visible ASCII characters"),
        )
    };
    let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_visible || token.is_empty() || token.len() > MAX_LENGTH {
        return Err(problem());
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| problem())?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
