//! Goes on from a place in the feed, over the prices that are stored.
//!
//! One invariant: nothing between the place and what is answered is left out, and a place after which something was
//! dropped is told apart: whoever reads asks [`has_expired`] after reading, since retention may come in between.

use std::collections::HashMap;

use entity::{Position, Price};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult};

use super::{
    PriceKey,
    reach::Reach,
    search::Search,
    window::{Extent, Window},
};
use crate::{feed::HEAD, sql::Sql};

/// The fewest prices that are read of each of many stocks at once.
const LEAST: usize = 8;

/// What came after a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The prices, in feed order.
    pub prices: Vec<Price>,
    /// Up to where these are all.
    pub up_to: Position,
}

/// Prices of `stocks` (or of all) after `from`, of those up to and including `to`: about `limit` of them, or all.
pub async fn after(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, DbErr> {
    match stocks {
        None => of_all(connection, from, to, limit).await,
        Some(stocks) => of_some(connection, stocks, from, to, limit).await,
    }
}

/// Of all stocks: one range of the index by time.
async fn of_all(
    connection: &impl ConnectionTrait,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, DbErr> {
    let extent = Extent {
        begins_at: from.recorded_at,
        newest_at: to.recorded_at,
    };
    let months = (connection.get_database_backend() == DbBackend::Postgres)
        .then(|| Window::forward(from.recorded_at));
    let mut prices = read_all(connection, from, to, limit, months).await?;
    let mut next = months.and_then(|months| months.after(None, extent));
    while let Some(months) = next.filter(|_| prices.is_empty()) {
        prices = read_all(connection, from, to, limit, Some(months)).await?;
        next = months.after(None, extent);
    }
    let more = prices.len() == limit as usize || next.is_some();
    let last = prices.last().filter(|_| more);
    let up_to = last.map_or(to, |last| place(from.epoch, last));
    Ok(After { prices, up_to })
}

async fn read_all(
    connection: &impl ConnectionTrait,
    from: Position,
    to: Position,
    limit: u32,
    months: Option<Window>,
) -> Result<Vec<Price>, DbErr> {
    let text = "SELECT stocks.symbol, prices.* FROM (SELECT * FROM stock_prices WHERE true";
    let mut sql = Reach::between(from, to).conditions(Sql::new(connection, text));
    if let Some(months) = months {
        sql = sql.push(&months.condition());
    }
    let sql = sql.push(&format!(
        " ORDER BY recorded_at, seq LIMIT {limit}) AS prices \
         JOIN stocks ON stocks.id = prices.stock_id ORDER BY prices.recorded_at, prices.seq"
    ));
    Price::find_by_statement(sql.statement())
        .all(connection)
        .await
}

/// Of some stocks: a range of the key each. What lies beyond the end of the shortest of those that were cut waits, as
/// something of that stock comes before it.
async fn of_some(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, DbErr> {
    let each = (limit as usize / stocks.len().max(1)).max(LEAST);
    let search = Search {
        stocks,
        reach: Reach::between(from, to),
        wanted: each as u64,
        oldest_first: true,
    };
    let mut prices = search.read(connection, to.recorded_at).await?;
    prices.sort_unstable_by_key(|price| PriceKey::from(price));
    let mut counts: HashMap<i64, usize> = HashMap::new();
    let cut = prices.iter().find(|price| {
        let count = counts.entry(price.stock_id).or_default();
        *count += 1;
        *count == each
    });
    let up_to = cut.map_or(to, |cut| place(from.epoch, cut));
    prices.retain(|price| price.seq <= up_to.seq);
    Ok(After { prices, up_to })
}

fn place(epoch: i64, price: &Price) -> Position {
    Position {
        epoch,
        seq: price.seq,
        recorded_at: price.recorded_at,
    }
}

/// Whether a price of `stocks` (or of any) after `position` was dropped.
pub async fn has_expired(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    position: Position,
) -> Result<bool, DbErr> {
    let head = "SELECT 1 FROM feed_head WHERE id = ";
    let sql = Sql::new(connection, head).bind(HEAD);
    let sql = sql.push(" AND pruned_seq > ").bind(position.seq);
    let some = connection.query_one_raw(sql.statement()).await?.is_some();
    let Some(stocks) = stocks.filter(|_| some) else {
        return Ok(some);
    };
    let sql = Sql::new(connection, "SELECT 1 FROM quotes WHERE pruned_seq > ")
        .bind(position.seq)
        .push(" AND stock_id")
        .is_any(stocks)
        .push(" LIMIT 1");
    let one = connection.query_one_raw(sql.statement()).await?;
    Ok(one.is_some())
}
