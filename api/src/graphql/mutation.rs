//! The root of all mutations.
//!
//! Every mutation requires the admin token: the guard is on the root type, not on its fields.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};

mod rule;
mod webhook;

pub(super) use rule::CreateAlertRuleInput;
use rule::{
    CreateAlertRulePayload, DeleteAlertRuleInput, DeleteAlertRulePayload, UpdateAlertRuleInput,
    UpdateAlertRulePayload,
};
use webhook::{
    CreateWebhookInput, CreateWebhookPayload, DeleteWebhookInput, DeleteWebhookPayload,
    RedeliverAlertInput, RedeliverAlertPayload, RotateWebhookSecretInput,
    RotateWebhookSecretPayload, TestWebhookInput, TestWebhookPayload, UpdateWebhookInput,
    UpdateWebhookPayload,
};

use super::{
    context::{Admin, service},
    object::{
        AlertObject, DeliveryObject, NodeKind, RuleObject, StockObject, WebhookObject, global_id,
        parse_id,
    },
    scalar::{Date, Decimal, Symbol},
};

/// Input of `trackStock`.
#[derive(InputObject)]
pub(crate) struct TrackStockInput {
    /// The ticker symbol, in any case.
    symbol: Symbol,
    /// The new name of the stock. If omitted, the name does not change.
    name: Option<String>,
}

/// Input of `untrackStock`.
#[derive(InputObject)]
pub(crate) struct UntrackStockInput {
    /// The ticker symbol, in any case.
    symbol: Symbol,
}

/// Input of `refreshStock`.
#[derive(InputObject)]
pub(crate) struct RefreshStockInput {
    /// The ticker symbol, in any case.
    symbol: Symbol,
}

/// Input of `acknowledgeAlert`.
#[derive(InputObject)]
pub(crate) struct AcknowledgeAlertInput {
    /// The global ID of the alert.
    id: ID,
}

/// Input of `recordSplit`.
#[derive(InputObject)]
pub(crate) struct RecordSplitInput {
    /// The ticker symbol, in any case.
    symbol: Symbol,
    /// The first trading day with prices in new shares.
    effective_on: Date,
    /// New shares per old share: 2 for 2:1, 0.1 for a reverse split of 1:10. 1 removes the split of
    /// the day.
    ratio: Decimal,
}

/// Payload of `recordSplit`.
#[derive(SimpleObject)]
pub(crate) struct RecordSplitPayload {
    /// The stock.
    stock: StockObject,
}

/// Payload of `trackStock`.
#[derive(SimpleObject)]
pub(crate) struct TrackStockPayload {
    /// The stock after the mutation.
    stock: StockObject,
}

/// Payload of `untrackStock`.
#[derive(SimpleObject)]
pub(crate) struct UntrackStockPayload {
    /// The stock after the mutation.
    stock: StockObject,
}

/// Payload of `refreshStock`.
#[derive(SimpleObject)]
pub(crate) struct RefreshStockPayload {
    /// The stock after the mutation.
    stock: StockObject,
}

/// Payload of `acknowledgeAlert`.
#[derive(SimpleObject)]
pub(crate) struct AcknowledgeAlertPayload {
    /// The alert after the mutation.
    alert: AlertObject,
}

/// The mutation root.
pub(crate) struct Mutation;

/// The root of all mutations. Every mutation requires the admin token.
#[Object(guard = "Admin")]
impl Mutation {
    /// Starts tracking a stock. Fails with `NOT_FOUND` if the provider does not know the symbol.
    async fn track_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: TrackStockInput,
    ) -> Result<TrackStockPayload> {
        let stock = service(ctx)?.track(&input.symbol.0, input.name).await?;
        Ok(TrackStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Stops tracking a stock. Its prices, candles and alerts are kept.
    async fn untrack_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: UntrackStockInput,
    ) -> Result<UntrackStockPayload> {
        let stock = service(ctx)?.untrack(&input.symbol.0).await?;
        Ok(UntrackStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Polls the provider for the price of a stock now. Fails with `RATE_LIMITED` if the provider's
    /// request budget is used up.
    async fn refresh_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: RefreshStockInput,
    ) -> Result<RefreshStockPayload> {
        let stock = service(ctx)?.refresh(&input.symbol.0).await?;
        Ok(RefreshStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Marks an alert as acknowledged. An alert that is already acknowledged keeps its
    /// `acknowledgedAt`.
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: AcknowledgeAlertInput,
    ) -> Result<AcknowledgeAlertPayload> {
        let alert = service(ctx)?.acknowledge(alert_row(&input.id)).await?;
        Ok(AcknowledgeAlertPayload {
            alert: AlertObject(alert),
        })
    }

    /// Records a share split, and replaces one of the same day. Levels of alert rules and earlier
    /// prices that rules compare with are divided by the ratio. A split fires no alert.
    async fn record_split(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: RecordSplitInput,
    ) -> Result<RecordSplitPayload> {
        let RecordSplitInput {
            symbol,
            effective_on,
            ratio,
        } = input;
        let recording = service(ctx)?.record_split(&symbol.0, effective_on.0, ratio.0);
        Ok(RecordSplitPayload {
            stock: StockObject(recording.await?),
        })
    }

    /// Creates an alert rule. It is evaluated from the next price on.
    async fn create_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: CreateAlertRuleInput,
    ) -> Result<CreateAlertRulePayload> {
        let rule = service(ctx)?.create_rule(input.into()).await?;
        Ok(CreateAlertRulePayload {
            alert_rule: RuleObject(rule),
        })
    }

    /// Changes an alert rule. A change of the threshold, base, basis, window, hold, trigger or
    /// re-arming makes its state begin anew; so does enabling it. Fails with `FORBIDDEN` for the
    /// default rule.
    async fn update_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: UpdateAlertRuleInput,
    ) -> Result<UpdateAlertRulePayload> {
        let id = rule::row(&input.id);
        let rule = service(ctx)?.update_rule(id, input.into()).await?;
        Ok(UpdateAlertRulePayload {
            alert_rule: RuleObject(rule),
        })
    }

    /// Deletes an alert rule. Its alerts remain, without a rule. Fails with `FORBIDDEN` for the
    /// default rule.
    async fn delete_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: DeleteAlertRuleInput,
    ) -> Result<DeleteAlertRulePayload> {
        let id = service(ctx)?.delete_rule(rule::row(&input.id)).await?;
        Ok(DeleteAlertRulePayload {
            deleted_id: global_id(NodeKind::AlertRule, id),
        })
    }

    /// Creates a webhook, to which alerts are sent from now on.
    async fn create_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: CreateWebhookInput,
    ) -> Result<CreateWebhookPayload> {
        let (webhook, secret) = service(ctx)?.create_webhook(input.into()).await?;
        Ok(CreateWebhookPayload {
            webhook: WebhookObject(webhook),
            secret: secret.0,
        })
    }

    /// Changes a webhook. A new address or token, and enabling it, make its pending deliveries due
    /// now.
    async fn update_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: UpdateWebhookInput,
    ) -> Result<UpdateWebhookPayload> {
        let id = webhook::row(&input.id);
        let webhook = service(ctx)?.update_webhook(id, input.into()).await?;
        Ok(UpdateWebhookPayload {
            webhook: WebhookObject(webhook),
        })
    }

    /// Deletes a webhook with its deliveries. Pending ones are not sent.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: DeleteWebhookInput,
    ) -> Result<DeleteWebhookPayload> {
        let id = service(ctx)?
            .delete_webhook(webhook::row(&input.id))
            .await?;
        Ok(DeleteWebhookPayload {
            deleted_id: global_id(NodeKind::Webhook, id),
        })
    }

    /// Replaces the signing key of a webhook. Messages are signed with both keys for 24 hours.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: RotateWebhookSecretInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let rotating = service(ctx)?.rotate_webhook_secret(webhook::row(&input.id));
        let (webhook, secret) = rotating.await?;
        Ok(RotateWebhookSecretPayload {
            webhook: WebhookObject(webhook),
            secret: secret.0,
        })
    }

    /// Sends a test message to a webhook and returns what came back.
    async fn test_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: TestWebhookInput,
    ) -> Result<TestWebhookPayload> {
        let result = service(ctx)?.test_webhook(webhook::row(&input.id)).await?;
        Ok(TestWebhookPayload {
            delivered: result.error.is_none(),
            status: result.status.map(i32::from),
            error: result.error,
        })
    }

    /// Sends an alert to a webhook again, whether or not the webhook selects it. It is attempted
    /// for 24 hours.
    async fn redeliver_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input of the mutation.")] input: RedeliverAlertInput,
    ) -> Result<RedeliverAlertPayload> {
        let (alert, webhook) = (alert_row(&input.alert_id), webhook::row(&input.webhook_id));
        let delivery = service(ctx)?.redeliver(alert, webhook).await?;
        Ok(RedeliverAlertPayload {
            delivery: DeliveryObject(delivery),
        })
    }
}

/// Returns the row of an alert's global ID, or `None` if it is not one.
fn alert_row(id: &ID) -> Option<i64> {
    parse_id(id)
        .filter(|(kind, _)| *kind == NodeKind::Alert)
        .map(|(_, row)| row)
}

/// Converts a field to `None` if it keeps its value, and to `Some(None)` if it is cleared.
#[expect(
    clippy::option_option,
    reason = "the outer option is whether the setting changes"
)]
fn cleared<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
