//! The value types of webhooks and their deliveries.

use std::fmt;

use sea_orm::{DeriveActiveEnum, DeriveValueType, EnumIter, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Symbol, Timestamp};

/// A key, token or address that formatting does not show.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A receiver of alerts: a server, a chat or a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The id.
    pub id: i64,
    /// The protocol of the receiver.
    pub format: WebhookFormat,
    /// Where alerts are sent, with its secrets.
    pub url: SecretText,
    /// A description, for people.
    pub description: Option<String>,
    /// The bearer token that is sent, in some formats.
    pub token: Option<SecretText>,
    /// The signing key.
    pub secret: SecretText,
    /// The signing key before the last rotation, and until when it signs, too.
    pub previous_secret: Option<(SecretText, Timestamp)>,
    /// The symbols whose alerts are sent; `None` for all.
    pub symbols: Option<Vec<Symbol>>,
    /// The rules whose alerts are sent; `None` for all.
    pub rules: Option<Vec<i64>>,
    /// Whether alerts are sent.
    pub enabled: bool,
    /// Why the webhook was disabled, if that was not by a user.
    pub disabled_reason: Option<String>,
    /// When the webhook was created.
    pub created_at: Timestamp,
    /// When an alert was last delivered.
    pub last_delivered_at: Option<Timestamp>,
    /// Since when every attempt has failed, if the last one failed.
    pub failing_since: Option<Timestamp>,
    /// Until when nothing is sent, because the receiver asked for that.
    pub paused_until: Option<Timestamp>,
}

/// The protocol of a receiver.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookFormat {
    /// Standard Webhooks.
    #[sea_orm(string_value = "STANDARD")]
    Standard,
    /// Slack or Mattermost.
    #[sea_orm(string_value = "SLACK")]
    Slack,
    /// Discord.
    #[sea_orm(string_value = "DISCORD")]
    Discord,
    /// ntfy.
    #[sea_orm(string_value = "NTFY")]
    Ntfy,
    /// Telegram.
    #[sea_orm(string_value = "TELEGRAM")]
    Telegram,
    /// Apprise API.
    #[sea_orm(string_value = "APPRISE")]
    Apprise,
    /// Mail.
    #[sea_orm(string_value = "EMAIL")]
    Email,
}

impl WebhookFormat {
    /// Returns the stored name, such as `STANDARD`.
    pub fn name(self) -> String {
        sea_orm::ActiveEnum::to_value(&self)
    }
}

/// An alert that is sent to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Delivery {
    /// The id.
    pub id: i64,
    /// The id of the webhook.
    pub webhook_id: i64,
    /// The id of the alert.
    pub alert_id: i64,
    /// The position of the alert in the feed.
    pub alert_seq: i64,
    /// When the alert was stored.
    pub alert_recorded_at: Timestamp,
    /// Whether the alert arrived.
    pub state: DeliveryState,
    /// When the next attempt is made, while it is pending.
    pub next_attempt_at: Option<Timestamp>,
}

/// The state of a delivery.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryState {
    /// It is to be attempted, or attempted again.
    #[sea_orm(string_value = "PENDING")]
    Pending,
    /// The receiver accepted it.
    #[sea_orm(string_value = "DELIVERED")]
    Delivered,
    /// It is not attempted again.
    #[sea_orm(string_value = "FAILED")]
    Failed,
}

/// An attempt to deliver an alert.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct DeliveryAttempt {
    /// The id of the delivery.
    pub delivery_id: i64,
    /// When the attempt began.
    pub at: Timestamp,
    /// The status of the answer, if there was one.
    pub status: Option<i32>,
    /// Why it failed, without secrets.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
}
