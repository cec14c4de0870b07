//! Reads the stored prices after a position in the feed.
//!
//! No price between the position and the end of the result is omitted. To detect that prices after
//! the position were deleted, call [`has_expired`] after reading, because retention may run in
//! between.

use std::collections::HashMap;

use entity::{Position, Price};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};

use super::{
    PriceKey,
    range::PriceRange,
    search::Search,
    window::{Extent, Window},
};
use crate::{Error, feed::HEAD, sql::Sql};

/// Minimum number of prices to read per stock.
const MIN_PER_STOCK: usize = 8;

/// Prices after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// The prices, in feed order.
    pub prices: Vec<Price>,
    /// The position up to which `prices` is complete.
    pub up_to: Position,
}

/// Returns prices of `stocks` (or of all) after `from`, up to and including `to`: about `limit`, or
/// all of them.
pub async fn after(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, Error> {
    match stocks {
        None => of_all(connection, from, to, limit).await,
        Some(stocks) => of_some(connection, stocks, from, to, limit).await,
    }
}

/// Reads prices of all stocks, as one range of the index by time.
async fn of_all(
    connection: &impl ConnectionTrait,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, Error> {
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
    let up_to = last.map_or(to, |last| position_of(from.epoch, last));
    Ok(After { prices, up_to })
}

async fn read_all(
    connection: &impl ConnectionTrait,
    from: Position,
    to: Position,
    limit: u32,
    months: Option<Window>,
) -> Result<Vec<Price>, Error> {
    let text = "SELECT stocks.symbol, prices.* FROM (SELECT * FROM stock_prices WHERE true";
    let mut sql = PriceRange::between(from, to).conditions(Sql::new(connection, text));
    if let Some(months) = months {
        sql = sql.push(&months.condition());
    }
    let sql = sql.push(&format!(
        " ORDER BY recorded_at, seq LIMIT {limit}) AS prices \
         JOIN stocks ON stocks.id = prices.stock_id ORDER BY prices.recorded_at, prices.seq"
    ));
    Ok(Price::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Reads prices of some stocks, one range of the key each. Truncates all of them at the end of the
/// shortest list that reached its limit, because more prices of that stock may follow there.
async fn of_some(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    from: Position,
    to: Position,
    limit: u32,
) -> Result<After, Error> {
    let each = (limit as usize / stocks.len().max(1)).max(MIN_PER_STOCK);
    let search = Search {
        stocks,
        range: PriceRange::between(from, to),
        count: each as u64,
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
    let up_to = cut.map_or(to, |cut| position_of(from.epoch, cut));
    prices.retain(|price| price.seq <= up_to.seq);
    Ok(After { prices, up_to })
}

fn position_of(epoch: i64, price: &Price) -> Position {
    Position {
        epoch,
        seq: price.seq,
        recorded_at: price.recorded_at,
    }
}

/// Whether a price of `stocks` (or of any) after `position` was deleted.
pub async fn has_expired(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    position: Position,
) -> Result<bool, Error> {
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
        .eq_any(stocks)
        .push(" LIMIT 1");
    let one = connection.query_one_raw(sql.statement()).await?;
    Ok(one.is_some())
}

/// Returns the position of the newest price that retention has deleted, 0 before the first. All
/// later prices are still stored.
pub async fn pruned_seq(connection: &impl ConnectionTrait) -> Result<i64, Error> {
    let text = "SELECT pruned_seq FROM feed_head WHERE id = ";
    let sql = Sql::new(connection, text).bind(HEAD);
    let row = connection.query_one_raw(sql.statement()).await?;
    row.map_or(Ok(0), |row| Ok(row.try_get("", "pruned_seq")?))
}
