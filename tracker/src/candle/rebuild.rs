//! Rebuilds the candles of a database that was created before candles existed.
//!
//! Runs in one transaction under the feed's lock, before the first new price is stored. A database
//! with any candle therefore has the candles of all prices.

use std::iter::once;

use entity::{Position, Price};
use store::{
    Store, candle,
    feed::FeedTransaction,
    page::Span,
    price::{self, Recorded},
    stock,
};

use super::{NewestCandles, updated};

/// The number of prices per page.
const PAGE: u32 = 2_000;

/// Rebuilds the candles, if the database has prices and no candles.
pub(crate) async fn rebuild(store: &Store) -> Result<(), store::Error> {
    if !candle::are_missing(store.database.read()).await? {
        return Ok(());
    }
    let feed = FeedTransaction::begin(store).await?;
    // Another tracker may have rebuilt them while this one waited for the lock.
    if !candle::are_missing(feed.connection()).await? {
        return Ok(());
    }
    tracing::info!("rebuilding candles from stored prices");
    for id in stock::ids(feed.connection()).await? {
        of_stock(&feed, id).await?;
    }
    feed.commit().await?;
    Ok(())
}

/// Adds the prices of a stock to its candles, from the oldest to the newest. Pages are in the
/// reverse order.
async fn of_stock(feed: &FeedTransaction, id: i64) -> Result<(), store::Error> {
    let mut last: Option<Price> = None;
    let mut newest = NewestCandles::default();
    loop {
        let before = last.as_ref().map(|price| {
            price::PriceKey::from(Position {
                epoch: 0,
                seq: price.seq,
                recorded_at: price.recorded_at,
            })
        });
        let span = Span {
            after: None,
            before,
            limit: PAGE,
            from_end: true,
        };
        let mut page = price::page(
            feed.connection(),
            feed.recorded_at(),
            id,
            Recorded::default(),
            &span,
        )
        .await?;
        page.rows.reverse();
        let befores = once(last.as_ref()).chain(page.rows.iter().map(Some));
        let prices: Vec<_> = page.rows.iter().zip(befores).collect();
        let candles = updated(feed, &mut newest, &prices).await?;
        candle::write(feed.connection(), &candles).await?;
        match page.rows.pop() {
            Some(price) => last = Some(price),
            None => return Ok(()),
        }
    }
}
