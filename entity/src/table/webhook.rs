//! The table `webhooks`: the receivers of alerts.

use sea_orm::entity::prelude::*;

use crate::{SecretText, Timestamp, WebhookFormat};

/// A row of `webhooks`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhooks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub format: WebhookFormat,
    pub url: SecretText,
    pub description: Option<String>,
    pub token: Option<SecretText>,
    pub secret: SecretText,
    pub previous_secret: Option<SecretText>,
    pub previous_secret_until: Option<Timestamp>,
    /// Whether only the stocks of `webhook_stocks` are selected.
    pub selects_stocks: bool,
    /// Whether only the rules of `webhook_rules` are selected.
    pub selects_rules: bool,
    pub enabled: bool,
    pub disabled_reason: Option<String>,
    pub created_at: Timestamp,
    pub last_delivered_at: Option<Timestamp>,
    /// Since when every attempt has failed, if the last one failed.
    pub failing_since: Option<Timestamp>,
    /// Until when nothing is sent, because the receiver asked for that.
    pub paused_until: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
