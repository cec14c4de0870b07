//! The root of all subscriptions.
//!
//! Events come from the feed only, so every event is committed before it is sent. Arguments are
//! checked before the first event, so a rejected subscription never sends one.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription};
use entity::Event;
use futures_util::Stream;
use ref_cast::RefCast;
use transport::LastEventId;

use super::{
    context::service,
    enums::DeliveryMode,
    exec::FeedHandle,
    object::{AlertObject, PriceObject, RuleObject},
    plan::{Compiler, Planned, SelectedField, Unplanned, Writer},
    scalar::{Cursor, Symbol},
};
use crate::{live::FeedEvent, service::SubscriptionKind};

/// The subscription root.
pub(crate) struct SubscriptionRoot;

/// The root of all subscriptions.
#[Subscription(name = "Subscription")]
impl SubscriptionRoot {
    /// Sends each price when it is stored. Without `after`, the subscription starts with the latest
    /// price of each selected stock.
    async fn price_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The ticker symbols to subscribe to. Defaults to all tracked stocks, including stocks that are tracked later."
        )]
        symbols: Option<Vec<Symbol>>,
        #[graphql(
            desc = "Resumes after this cursor: sends every later event once, in order, then continues with new events. Accepts the cursor of a price or an alert, or `FeedStatus.position`."
        )]
        after: Option<Cursor>,
        #[graphql(
            default_with = "Some(DeliveryMode::default())",
            desc = "Which prices are sent to a client that reads more slowly than prices arrive."
        )]
        mode: Option<DeliveryMode>,
    ) -> Result<impl Stream<Item = PriceObject> + use<>> {
        // An explicit null means the default.
        let conflate = mode.unwrap_or_default() == DeliveryMode::Latest;
        subscribe(
            ctx,
            SubscriptionKind::Prices,
            symbols,
            after,
            conflate,
            price,
        )
        .await
    }

    /// Sends each alert when it fires. Alerts are never skipped.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The ticker symbols to subscribe to. Defaults to all tracked stocks, including stocks that are tracked later."
        )]
        symbols: Option<Vec<Symbol>>,
        #[graphql(
            desc = "Resumes after this cursor: sends every later event once, in order, then continues with new events. Accepts the cursor of a price or an alert, or `FeedStatus.position`."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = AlertObject> + use<>> {
        subscribe(ctx, SubscriptionKind::Alerts, symbols, after, false, alert).await
    }

    /// Sends each alert rule when it is created, changed or deleted. Earlier changes are not sent.
    async fn alert_rules(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = RuleObject> + use<>> {
        let plan = service(ctx)?
            .plan_subscription(SubscriptionKind::Rules, None, None, false)
            .await?;
        Ok(ctx.data::<Arc<FeedHandle>>()?.begin(plan, rule))
    }
}

/// Plans a subscription, and returns the objects of the events that the executor will feed.
async fn subscribe<T: Clone + Send + 'static>(
    ctx: &Context<'_>,
    kind: SubscriptionKind,
    symbols: Option<Vec<Symbol>>,
    after: Option<Cursor>,
    conflate: bool,
    object: fn(&FeedEvent) -> Option<&T>,
) -> Result<impl Stream<Item = T> + Send + use<T>> {
    let symbols = symbols.map(|symbols| symbols.into_iter().map(|symbol| symbol.0).collect());
    // An event stream reconnects with its first arguments and the last id, which replaces `after`.
    let last_event = ctx.data_opt::<LastEventId>().map(|id| id.0.clone());
    let after = last_event.or(after.map(|cursor| cursor.0));
    let plan = service(ctx)?
        .plan_subscription(kind, symbols, after, conflate)
        .await?;
    Ok(ctx.data::<Arc<FeedHandle>>()?.begin(plan, object))
}

fn price(event: &FeedEvent) -> Option<&PriceObject> {
    match &event.event {
        Event::QuoteRecorded { price, .. } => Some(PriceObject::ref_cast(price)),
        _ => None,
    }
}

fn alert(event: &FeedEvent) -> Option<&AlertObject> {
    match &event.event {
        Event::AlertFired { alert } => Some(AlertObject::ref_cast(alert)),
        _ => None,
    }
}

fn rule(event: &FeedEvent) -> Option<&RuleObject> {
    match &event.event {
        Event::RuleChanged { rule, .. } => Some(RuleObject::ref_cast(rule)),
        _ => None,
    }
}

/// The root of a subscription, which is written from an event.
impl Planned for FeedEvent {
    const NAME: &'static str = "Subscription";

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        match field.name() {
            "priceUpdates" => compile_root_field(field, compiler, price),
            "alerts" => compile_root_field(field, compiler, alert),
            "alertRules" => compile_root_field(field, compiler, rule),
            _ => None,
        }
    }
}

/// Compiles a root field, which writes the `object` of an event.
fn compile_root_field<T: Planned>(
    field: &SelectedField<'_>,
    compiler: &Compiler<'_>,
    object: fn(&FeedEvent) -> Option<&T>,
) -> Option<Writer<FeedEvent>> {
    let plan = compiler.object::<T>(field)?;
    Some(Box::new(move |event, run, out| {
        plan.write(object(event).ok_or(Unplanned)?, run, out)
    }))
}
