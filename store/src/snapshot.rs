//! The state of all stocks at one position of the feed.
//!
//! Everything is read from one database snapshot. A reader that follows the feed from its position
//! receives every later event exactly once. The quote board of `api` starts with it.

use std::collections::HashMap;

use entity::{AlertRule, Position, Price, Stock};
use sea_orm::EntityTrait;

use crate::{Error, Store, feed::end_within, page::Page, price, rule};

/// The state at a position of the feed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The position.
    pub position: Position,
    /// Every stock that is or was tracked, in unspecified order.
    pub stocks: Vec<Stock>,
    /// The latest price of each stock that has one, in unspecified order.
    pub latest: Vec<Price>,
    /// The newest prices of each stock, newest first.
    pub recent: HashMap<i64, Page<Price>>,
    /// The rules, in the order of [`rule::list`].
    pub rules: Vec<AlertRule>,
    /// The position up to which prices may have been deleted: [`price::pruned_seq`].
    pub pruned_seq: i64,
}

/// Reads a snapshot. `recent` returns the number of newest prices per stock, given the number of
/// stocks.
pub async fn snapshot(store: &Store, recent: impl Fn(usize) -> u32) -> Result<Snapshot, Error> {
    let transaction = store.database.begin_read().await?;
    let position = end_within(&transaction).await?;
    let rows = entity::table::stock::Entity::find();
    let rows = rows.all(&transaction).await?;
    let stocks: Vec<Stock> = rows.into_iter().map(Into::into).collect();
    let ids: Vec<i64> = stocks.iter().map(|stock| stock.id).collect();
    let latest = price::latest(&transaction, &ids).await?;
    let (now, limit, all) = (
        store.clock.now(),
        recent(ids.len()),
        price::Recorded::default(),
    );
    let recent = price::first_pages(&transaction, now, &ids, all, limit, false).await?;
    let rules = rule::list(&transaction, None).await?;
    let pruned_seq = price::pruned_seq(&transaction).await?;
    transaction.commit().await?;
    Ok(Snapshot {
        position,
        stocks,
        latest,
        recent,
        rules,
        pruned_seq,
    })
}
