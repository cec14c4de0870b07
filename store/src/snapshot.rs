//! Everything that is true of stocks at one place in the feed.
//!
//! One invariant: all of it is read from one snapshot of the database, so that whoever follows the feed from there has
//! all that came before and nothing twice. `api`'s board begins with it.

use std::collections::HashMap;

use entity::{AlertRule, Position, Price, Stock};
use sea_orm::{DbErr, EntityTrait};

use crate::{Store, alert, feed::end_within, page::Page, price};

/// What is true at a place in the feed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The place.
    pub position: Position,
    /// Every stock that is or was tracked, in no order.
    pub stocks: Vec<Stock>,
    /// The latest price of each that has one, in no order.
    pub latest: Vec<Price>,
    /// The newest prices of each, newest first.
    pub recent: HashMap<i64, Page<Price>>,
    /// The rules, as [`alert::rules`] orders them.
    pub rules: Vec<AlertRule>,
}

/// Reads it, with as many of the newest prices of a stock as `recent` says for that many stocks.
pub async fn snapshot(store: &Store, recent: impl Fn(usize) -> u32) -> Result<Snapshot, DbErr> {
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
    let rules = alert::rules(&transaction, None).await?;
    transaction.commit().await?;
    Ok(Snapshot {
        position,
        stocks,
        latest,
        recent,
        rules,
    })
}
