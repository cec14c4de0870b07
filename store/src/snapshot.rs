//! The state of all stocks at one position of the feed.
//!
//! Everything is read from one database snapshot. A reader that follows the feed from its position
//! receives every later event exactly once. The quote board of `api` starts with it.

use std::collections::HashMap;

use entity::{Alert, AlertRule, Position, Price, Stock};
use sea_orm::EntityTrait;

use crate::{
    Error, Store,
    alert::{self, AlertFilter},
    feed::end_within,
    page::{Page, Span},
    price::{self, Recorded},
    rule,
};

/// The state at a position of the feed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The position.
    pub position: Position,
    /// Every stock that is or was tracked, in unspecified order.
    pub stocks: Vec<Stock>,
    /// The latest price of each stock that has one, in unspecified order.
    pub latest: Vec<Price>,
    /// The newest alerts of all stocks, newest first.
    pub alerts: Page<Alert>,
    /// The rules, in the order of [`rule::list`].
    pub rules: Vec<AlertRule>,
    /// The position up to which prices may have been deleted: [`price::pruned_seq`].
    pub pruned_seq: i64,
}

/// The newest prices and alerts of some stocks at a position of the feed, newest first.
#[derive(Clone, Debug)]
pub struct RecentPages {
    /// The position.
    pub position: Position,
    /// The prices of each stock.
    pub prices: HashMap<i64, Page<Price>>,
    /// The alerts of each stock.
    pub alerts: HashMap<i64, Page<Alert>>,
}

/// The number of newest rows to read per stock.
#[derive(Clone, Copy, Debug)]
pub struct RecentSizes {
    /// The number of prices.
    pub prices: u32,
    /// The number of alerts.
    pub alerts: u32,
}

/// Reads a snapshot, with at most `alerts` alerts of all stocks.
pub async fn snapshot(store: &Store, alerts: u32) -> Result<Snapshot, Error> {
    let transaction = store.database.begin_read().await?;
    let position = end_within(&transaction).await?;
    let rows = entity::table::stock::Entity::find();
    let rows = rows.all(&transaction).await?;
    let stocks: Vec<Stock> = rows.into_iter().map(Into::into).collect();
    let ids: Vec<i64> = stocks.iter().map(|stock| stock.id).collect();
    let latest = price::latest(&transaction, &ids).await?;
    let span = Span {
        after: None,
        before: None,
        limit: alerts,
        from_end: false,
    };
    let all = Recorded::default();
    let alerts = alert::page(&transaction, AlertFilter::All, all, &span).await?;
    let rules = rule::list(&transaction, None).await?;
    let pruned_seq = price::pruned_seq(&transaction).await?;
    transaction.commit().await?;
    Ok(Snapshot {
        position,
        stocks,
        latest,
        alerts,
        rules,
        pruned_seq,
    })
}

/// Reads the newest rows of `stocks`.
pub async fn recent(
    store: &Store,
    stocks: &[i64],
    sizes: RecentSizes,
) -> Result<RecentPages, Error> {
    let transaction = store.database.begin_read().await?;
    let (now, all) = (store.clock.now(), Recorded::default());
    let position = end_within(&transaction).await?;
    let prices = price::first_pages(&transaction, now, stocks, all, sizes.prices, false).await?;
    let alerts = alert::first_pages(&transaction, stocks, sizes.alerts, false).await?;
    transaction.commit().await?;
    Ok(RecentPages {
        position,
        prices,
        alerts,
    })
}
