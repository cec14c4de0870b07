//! Inputs and payloads of the mutations of webhooks.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use super::{cleared, rule};
use crate::{
    graphql::{
        enums::WebhookFormat,
        object::{DeliveryObject, NodeKind, WebhookObject, parse_id},
        scalar::Symbol,
    },
    service::{NewWebhook, WebhookUpdate},
};

/// Input of `createWebhook`.
#[derive(InputObject)]
pub(crate) struct CreateWebhookInput {
    /// The address to send alerts to: a URL with `https` or `http`, or `mailto:` and one address
    /// for `EMAIL`. At most 2,048 characters. Addresses that are not globally reachable are
    /// refused, unless `WEBHOOK_ALLOW_PRIVATE` is set.
    url: String,
    /// The symbols whose alerts are sent. If omitted, the alerts of all symbols are.
    symbols: Option<Vec<Symbol>>,
    /// The global IDs of the rules whose alerts are sent. If omitted, the alerts of all rules are.
    /// With `symbols`, both must match.
    rules: Option<Vec<ID>>,
    /// A description of the webhook: at most 2,000 characters.
    description: Option<String>,
    /// The protocol of the receiver.
    #[graphql(default_with = "Some(WebhookFormat::Standard)")]
    format: Option<WebhookFormat>,
    /// A token to send as `Authorization: Bearer`. Only for `NTFY` and `APPRISE`.
    token: Option<String>,
}

impl From<CreateWebhookInput> for NewWebhook {
    fn from(input: CreateWebhookInput) -> Self {
        Self {
            format: input.format.unwrap_or(WebhookFormat::Standard).into(),
            url: input.url,
            token: input.token,
            description: input.description,
            symbols: input.symbols.map(symbols),
            rules: input.rules.map(|ids| rules(&ids)),
        }
    }
}

/// Input of `updateWebhook`. A field that is omitted keeps its value. The format of a webhook
/// cannot be changed.
#[derive(InputObject)]
pub(crate) struct UpdateWebhookInput {
    /// The global ID of the webhook.
    pub(super) id: ID,
    /// The new address. A masked address is refused.
    url: Option<String>,
    /// The new symbols. Null selects all.
    symbols: MaybeUndefined<Vec<Symbol>>,
    /// The global IDs of the new rules. Null selects all.
    rules: MaybeUndefined<Vec<ID>>,
    /// The new description: at most 2,000 characters. Null removes it.
    description: MaybeUndefined<String>,
    /// The new token. Null removes it.
    token: MaybeUndefined<String>,
    /// Whether alerts are sent. Enabling a webhook also sends the alerts that are still pending.
    enabled: Option<bool>,
}

impl From<UpdateWebhookInput> for WebhookUpdate {
    fn from(input: UpdateWebhookInput) -> Self {
        Self {
            url: input.url,
            token: cleared(input.token),
            description: cleared(input.description),
            symbols: cleared(input.symbols).map(|all| all.map(symbols)),
            rules: cleared(input.rules).map(|all| all.map(|ids| rules(&ids))),
            enabled: input.enabled,
        }
    }
}

fn symbols(symbols: Vec<Symbol>) -> Vec<entity::Symbol> {
    symbols.into_iter().map(|symbol| symbol.0).collect()
}

fn rules(ids: &[ID]) -> Vec<Option<i64>> {
    ids.iter().map(rule::row).collect()
}

/// Input of `deleteWebhook`.
#[derive(InputObject)]
pub(crate) struct DeleteWebhookInput {
    /// The global ID of the webhook.
    pub(super) id: ID,
}

/// Input of `testWebhook`.
#[derive(InputObject)]
pub(crate) struct TestWebhookInput {
    /// The global ID of the webhook.
    pub(super) id: ID,
}

/// Input of `rotateWebhookSecret`.
#[derive(InputObject)]
pub(crate) struct RotateWebhookSecretInput {
    /// The global ID of the webhook.
    pub(super) id: ID,
}

/// Input of `redeliverAlert`.
#[derive(InputObject)]
pub(crate) struct RedeliverAlertInput {
    /// The global ID of the alert.
    pub(super) alert_id: ID,
    /// The global ID of the webhook.
    pub(super) webhook_id: ID,
}

/// Payload of `createWebhook`.
#[derive(SimpleObject)]
pub(crate) struct CreateWebhookPayload {
    /// The new webhook.
    pub(super) webhook: WebhookObject,
    /// The key that signs messages of the format `STANDARD`. It is not shown again.
    pub(super) secret: String,
}

/// Payload of `updateWebhook`.
#[derive(SimpleObject)]
pub(crate) struct UpdateWebhookPayload {
    /// The webhook after the mutation.
    pub(super) webhook: WebhookObject,
}

/// Payload of `deleteWebhook`.
#[derive(SimpleObject)]
pub(crate) struct DeleteWebhookPayload {
    /// The global ID of the deleted webhook.
    pub(super) deleted_id: ID,
}

/// Payload of `rotateWebhookSecret`.
#[derive(SimpleObject)]
pub(crate) struct RotateWebhookSecretPayload {
    /// The webhook.
    pub(super) webhook: WebhookObject,
    /// The new signing key. It is not shown again.
    pub(super) secret: String,
}

/// Payload of `testWebhook`.
#[derive(SimpleObject)]
pub(crate) struct TestWebhookPayload {
    /// Whether the receiver accepted the message.
    pub(super) delivered: bool,
    /// The status of the answer. Null if there was no answer.
    pub(super) status: Option<i32>,
    /// The reason why the message was not delivered.
    pub(super) error: Option<String>,
}

/// Payload of `redeliverAlert`.
#[derive(SimpleObject)]
pub(crate) struct RedeliverAlertPayload {
    /// The delivery, which is pending.
    pub(super) delivery: DeliveryObject,
}

/// Returns the row of a webhook's global ID, or `None` if it is not one.
pub(super) fn row(id: &ID) -> Option<i64> {
    parse_id(id)
        .filter(|(kind, _)| *kind == NodeKind::Webhook)
        .map(|(_, row)| row)
}
