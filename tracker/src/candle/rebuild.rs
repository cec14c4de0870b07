//! Makes the candles of prices that were stored before there were candles.
//!
//! One invariant: all or nothing: it is one transaction under the feed's lock, before the first new price, so that a
//! database with a candle has those of every price. The tracker calls it when it begins to hold the lease.

use std::iter::once;

use entity::{Position, Price};
use sea_orm::DbErr;
use store::{
    Store, candle,
    feed::FeedTransaction,
    page::Span,
    price::{self, Recorded},
    stock,
};

use super::record;

/// How many prices are counted in at once.
const PAGE: u32 = 2_000;

/// Makes them if there are prices and no candles.
pub(crate) async fn rebuild(store: &Store) -> Result<(), DbErr> {
    if !candle::are_missing(store.database.read()).await? {
        return Ok(());
    }
    let feed = FeedTransaction::begin(store).await?;
    // Somebody else may have done it while this waited for its turn.
    if !candle::are_missing(feed.connection()).await? {
        return Ok(());
    }
    tracing::info!("making the candles of the prices that are stored");
    for id in stock::ids(feed.connection()).await? {
        of_stock(&feed, id).await?;
    }
    feed.commit().await?;
    Ok(())
}

/// From the oldest price to the newest; the list is the other way round.
async fn of_stock(feed: &FeedTransaction, id: i64) -> Result<(), DbErr> {
    let mut last: Option<Price> = None;
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
        record(feed, page.rows.iter().zip(befores)).await?;
        match page.rows.pop() {
            Some(newest) => last = Some(newest),
            None => return Ok(()),
        }
    }
}
