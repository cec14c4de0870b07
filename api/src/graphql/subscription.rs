//! What is told as it happens.
//!
//! One invariant: everything told here was committed before, and is told from the feed only; arguments are judged
//! before the first event, so that a refusal is never an event.

use std::sync::Arc;

use async_graphql::{Context, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::{
    alert::AlertObject,
    delivery::{Delivery, Run},
    kind::DeliveryMode,
    price::PriceObject,
    scalar::{Cursor, Symbol},
    service,
};
use crate::{hub::Tailed, service::Following};

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
        #[graphql(default, desc = "What happens to a slow client.")] mode: DeliveryMode,
    ) -> Result<impl Stream<Item = PriceObject> + use<>> {
        let following = service(ctx)?
            .follow_prices(plain(symbols), after.map(|it| it.0))
            .await?;
        let run = Arc::clone(ctx.data::<Arc<Run>>()?);
        let prices = deliveries(following, mode);
        Ok(told(prices, run, PriceObject))
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
        let following = service(ctx)?
            .follow_alerts(plain(symbols), after.map(|it| it.0))
            .await?;
        let run = Arc::clone(ctx.data::<Arc<Run>>()?);
        let alerts = deliveries(following, DeliveryMode::All);
        Ok(told(alerts, run, AlertObject))
    }
}

fn plain(symbols: Option<Vec<Symbol>>) -> Option<Vec<entity::Symbol>> {
    symbols.map(|symbols| symbols.into_iter().map(|symbol| symbol.0).collect())
}

/// What is to be delivered, in order; `Err` ends it, as the client lags.
fn deliveries<T: Tailed>(
    following: Following<T>,
    mode: DeliveryMode,
) -> impl Stream<Item = Result<Delivery<T>, crate::hub::Lagging>> + Send {
    let snapshot = following
        .snapshot
        .into_iter()
        .map(|told| Ok(Delivery::snapshot(told)));
    let live = stream::unfold(Some(following.tail), move |tail| async move {
        let mut tail = tail?;
        match tail.next().await {
            Ok(told) => {
                let batch = match mode {
                    DeliveryMode::All => told.into_iter().map(Delivery::live).collect(),
                    DeliveryMode::Latest => Delivery::conflated(told),
                };
                Some((batch.into_iter().map(Ok).collect::<Vec<_>>(), Some(tail)))
            }
            Err(lagging) => Some((vec![Err(lagging)], None)),
        }
    });
    stream::iter(snapshot).chain(live.flat_map(stream::iter))
}

/// Hands deliveries to the executor, and what is special about each to the run that it belongs to.
fn told<T, O: Send + 'static>(
    deliveries: impl Stream<Item = Result<Delivery<T>, crate::hub::Lagging>> + Send + 'static,
    run: Arc<Run>,
    object: impl Fn(T) -> O + Send + 'static,
) -> impl Stream<Item = O> + Send {
    run.start();
    deliveries
        .scan(run, move |run, delivery| {
            let told = match delivery {
                Ok(delivery) => {
                    run.deliver(delivery.note);
                    Some(object(delivery.told))
                }
                Err(_) => {
                    run.lag();
                    None
                }
            };
            std::future::ready(told)
        })
        .boxed()
}
