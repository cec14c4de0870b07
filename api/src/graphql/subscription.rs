//! What is told as it happens.
//!
//! One invariant: everything told here was committed before, and is told from the feed only; arguments are judged
//! before the first event, so that a refusal is never an event.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription};
use entity::Event;
use futures_util::Stream;
use transport::LastEventId;

use super::{
    alert::AlertObject,
    kind::DeliveryMode,
    price::PriceObject,
    run::Run,
    scalar::{Cursor, Symbol},
    service,
};
use crate::{hub::Happened, service::Kind};

/// The subscription root.
pub(crate) struct Subscription;

/// What is told as it happens.
#[Subscription]
impl Subscription {
    /// Prices as they are stored. Without `after` it begins with the latest price of each symbol.
    async fn price_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these tickers; all that are tracked if not given.")] symbols: Option<
            Vec<Symbol>,
        >,
        #[graphql(
            desc = "Everything after this cursor of a price, an alert or the feed's position."
        )]
        after: Option<Cursor>,
        #[graphql(
            default_with = "Some(DeliveryMode::default())",
            desc = "What happens to a slow client."
        )]
        mode: Option<DeliveryMode>,
    ) -> Result<impl Stream<Item = PriceObject> + use<>> {
        // An explicit null means what is meant by default.
        let conflate = mode.unwrap_or_default() == DeliveryMode::Latest;
        let after = resumed(ctx).or(after.map(|it| it.0));
        let following = service(ctx)?
            .follow(Kind::Prices, plain(symbols), after, conflate)
            .await?;
        Ok(ctx.data::<Arc<Run>>()?.begin(following, price))
    }

    /// Alerts as they fire. None is ever skipped.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only these tickers; all that are tracked if not given.")] symbols: Option<
            Vec<Symbol>,
        >,
        #[graphql(
            desc = "Everything after this cursor of a price, an alert or the feed's position."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = AlertObject> + use<>> {
        let after = resumed(ctx).or(after.map(|it| it.0));
        let following = service(ctx)?
            .follow(Kind::Alerts, plain(symbols), after, false)
            .await?;
        Ok(ctx.data::<Arc<Run>>()?.begin(following, alert))
    }
}

/// The place after which a client resumes its event stream, which it opened with the same arguments: it replaces `after`.
fn resumed(ctx: &Context<'_>) -> Option<String> {
    ctx.data_opt::<LastEventId>().map(|id| id.0.clone())
}

fn plain(symbols: Option<Vec<Symbol>>) -> Option<Vec<entity::Symbol>> {
    symbols.map(|symbols| symbols.into_iter().map(|symbol| symbol.0).collect())
}

fn price(happened: &Happened) -> Option<PriceObject> {
    match &happened.event {
        Event::QuoteRecorded { price, .. } => Some(PriceObject(price.clone())),
        _ => None,
    }
}

fn alert(happened: &Happened) -> Option<AlertObject> {
    match &happened.event {
        Event::AlertFired { alert } => Some(AlertObject(alert.clone())),
        _ => None,
    }
}
