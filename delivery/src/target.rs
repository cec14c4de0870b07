//! A receiver of messages, parsed and checked.

use entity::{SecretText, Timestamp, Webhook, WebhookFormat};
use runtime::config::DeliverySettings;

/// Replaces the secret parts of a URL.
pub const MASK: &str = "***";

/// A receiver of messages, parsed and checked.
#[derive(Clone, Debug)]
pub struct Target {}

/// A receiver that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct TargetError {
    /// The wrong field: `url`, `token` or `secret`.
    pub field: &'static str,
    /// What is wrong with it, and what would be right, without the value.
    pub problem: String,
}

impl Target {
    /// Parses and checks a receiver.
    pub fn parse(
        _format: WebhookFormat,
        _url: &str,
        _token: Option<&str>,
        _settings: &DeliverySettings,
    ) -> Result<Self, TargetError> {
        unimplemented!()
    }

    /// Creates the target of a stored webhook, with the secrets that sign at `now`.
    pub fn of_webhook(
        _webhook: &Webhook,
        _now: Timestamp,
        _settings: &DeliverySettings,
    ) -> Result<Self, TargetError> {
        unimplemented!()
    }

    /// Signs with these secrets (`whsec_` and base64), if the format signs.
    pub fn signed_with<'a>(
        self,
        _secrets: impl IntoIterator<Item = &'a SecretText>,
    ) -> Result<Self, TargetError> {
        unimplemented!()
    }

    /// The format.
    pub fn format(&self) -> WebhookFormat {
        unimplemented!()
    }
}

/// Returns the URL of a receiver without its secrets: its origin, or the domain of its mail
/// address, and [`MASK`].
pub fn mask(_format: WebhookFormat, _url: &str) -> String {
    unimplemented!()
}
