//! The GraphQL type `Webhook`: a receiver of alerts.

use async_graphql::{Context, ID, Object, Result};
use entity::Webhook;

use super::{
    connection::DeliveryConnection,
    delivery::DeliveryObject,
    node::{NodeKind, global_id},
    rule::RuleObject,
};
use crate::graphql::{
    argument::page_args,
    context::{batcher, service},
    enums::WebhookFormat,
    loader::PendingOf,
    scalar::{Cursor, DateTime, Symbol},
};

/// The GraphQL type `Webhook`.
#[derive(Clone)]
pub(crate) struct WebhookObject(pub Webhook);

/// A receiver of alerts: a server, a chat or a mailbox.
#[Object(name = "Webhook")]
impl WebhookObject {
    /// The global ID of the webhook.
    pub(super) async fn id(&self) -> ID {
        global_id(NodeKind::Webhook, self.0.id)
    }

    /// The address that alerts are sent to. Its path and query, or the local part of a mail
    /// address, are masked.
    async fn url(&self) -> String {
        delivery::mask(self.0.format, &self.0.url.0)
    }

    /// A description of the webhook. Null if it has none.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The symbols whose alerts are sent. Null if the alerts of all symbols are.
    async fn symbols(&self) -> Option<Vec<Symbol>> {
        let symbols = self.0.symbols.as_ref()?;
        Some(symbols.iter().cloned().map(Symbol).collect())
    }

    /// The rules whose alerts are sent. Null if the alerts of all rules are. Empty if all of them
    /// were deleted; then nothing is sent.
    async fn rules(&self, ctx: &Context<'_>) -> Result<Option<Vec<RuleObject>>> {
        let Some(ids) = &self.0.rules else {
            return Ok(None);
        };
        let service = service(ctx)?;
        let rules = ids.iter().filter_map(|id| service.rule(*id));
        Ok(Some(rules.map(RuleObject).collect()))
    }

    /// The protocol of the receiver.
    async fn format(&self) -> WebhookFormat {
        self.0.format.into()
    }

    /// Whether alerts are sent.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// Why the webhook was disabled, if that was not by a mutation: the receiver answered 410.
    async fn disabled_reason(&self) -> Option<&str> {
        self.0.disabled_reason.as_deref()
    }

    /// Why nothing is sent, although the webhook is enabled. Null if alerts are sent.
    async fn note(&self) -> Option<&str> {
        let is_empty = self.0.rules.as_ref().is_some_and(Vec::is_empty);
        is_empty.then_some("nothing is sent: every selected rule was deleted")
    }

    /// The time at which the webhook was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The number of deliveries that are to be attempted, or attempted again.
    async fn pending(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = batcher(ctx)?.load_one(PendingOf(self.0.id)).await?;
        Ok(i32::try_from(count.unwrap_or_default()).unwrap_or(i32::MAX))
    }

    /// The time at which an alert was last delivered. Null until then.
    async fn last_delivered_at(&self) -> Option<DateTime> {
        self.0.last_delivered_at.map(DateTime)
    }

    /// Lists the deliveries of the webhook, newest alert first. Those that ended are kept for 30
    /// days, unless `RETENTION_DELIVERIES` is set.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns the first _n_ items of the list, or the first _n_ after `after`: 0 to 500, 50 by default. Cannot be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Returns the deliveries that follow this cursor in the list, which are older."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "Returns the last _n_ items of the list, or the last _n_ before `before`: 0 to 500, in the order of the list. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Returns the deliveries that precede this cursor in the list, which are newer."
        )]
        before: Option<Cursor>,
    ) -> Result<DeliveryConnection> {
        let args = page_args(first, after, last, before);
        let page = service(ctx)?.deliveries(self.0.id, &args).await?;
        Ok(DeliveryConnection {
            page: page.map(DeliveryObject),
        })
    }
}
