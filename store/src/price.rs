//! Reads and writes prices.
//!
//! The cost of a read depends on the size of its result, not of the table: [`quotes`](latest) holds
//! the latest prices, [`page()`] and [`first_pages`] read one end of a list, [`resume`](after)
//! continues at a position. The latest price of a stock is always in its list.

mod history;
mod range;
mod record;
mod resume;
mod search;
mod window;

use entity::{Position, Price, Timestamp};
use sea_orm::{ConnectionTrait, FromQueryResult};

pub use self::{
    history::{first_pages, page},
    record::record,
    resume::{After, after, has_expired, pruned_seq},
};
use crate::{Error, page::Span, sql::Sql};

/// The sort key of a price within its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceKey {
    recorded_at: Timestamp,
    seq: i64,
}

impl PriceKey {
    /// Returns the key of the price with this time and position.
    pub const fn new(recorded_at: Timestamp, seq: i64) -> Self {
        Self { recorded_at, seq }
    }
}

impl From<Position> for PriceKey {
    fn from(position: Position) -> Self {
        Self {
            recorded_at: position.recorded_at,
            seq: position.seq,
        }
    }
}

impl From<&Price> for PriceKey {
    fn from(price: &Price) -> Self {
        Self {
            recorded_at: price.recorded_at,
            seq: price.seq,
        }
    }
}

/// The time range of recording: `from` inclusive, `to` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// The first instant of the range.
    pub from: Option<Timestamp>,
    /// The first instant after the range.
    pub to: Option<Timestamp>,
}

/// Returns the newest price of a stock before a position, if it is kept.
pub async fn before(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stock: i64,
    position: PriceKey,
) -> Result<Option<Price>, Error> {
    let span = Span {
        after: Some(position),
        before: None,
        limit: 1,
        from_end: false,
    };
    let page = page(connection, now, stock, Recorded::default(), &span).await?;
    Ok(page.rows.into_iter().next())
}

/// Returns the price of a stock with a key, if it is kept.
pub async fn at(
    connection: &impl ConnectionTrait,
    stock: i64,
    key: PriceKey,
) -> Result<Option<Price>, Error> {
    let text = format!(
        "SELECT stocks.symbol, {} FROM stock_prices AS prices JOIN stocks ON stocks.id = stock_id \
         WHERE stock_id = ",
        Price::COLUMNS
    );
    let sql = Sql::new(connection, text)
        .bind(stock)
        .push(" AND recorded_at = ")
        .bind(key.recorded_at)
        .push(" AND seq = ")
        .bind(key.seq);
    Ok(Price::find_by_statement(sql.statement())
        .one(connection)
        .await?)
}

/// Returns the number of prices of a stock in a time range, counted up to `limit`.
pub async fn count(
    connection: &impl ConnectionTrait,
    stock: i64,
    recorded: Recorded,
    limit: u64,
) -> Result<u64, Error> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let text = "SELECT COUNT(*) AS count FROM (SELECT 1 FROM stock_prices WHERE stock_id = ";
    let sql = Sql::new(connection, text)
        .bind(stock)
        .push_if_some(" AND recorded_at >= ", recorded.from)
        .push_if_some(" AND recorded_at < ", recorded.to)
        .push(&format!(" LIMIT {limit}) AS prices"));
    let count = Count::find_by_statement(sql.statement());
    let count = count.one(connection).await?.map_or(0, |row| row.count);
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Returns at most `limit` prices of a stock after a position, in feed order, and whether more
/// follow.
pub async fn following(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stock: i64,
    recorded: Recorded,
    position: Option<PriceKey>,
    limit: u32,
) -> Result<(Vec<Price>, bool), Error> {
    let span = Span {
        after: None,
        before: position,
        limit,
        from_end: true,
    };
    let mut page = page(connection, now, stock, recorded, &span).await?;
    page.rows.reverse();
    Ok((page.rows, page.has_previous))
}

/// Returns the prices of a stock before a position back to a market time, in feed order. Market
/// times may step back by less than a page of prices.
pub async fn window(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    stock: i64,
    position: PriceKey,
    since: Timestamp,
) -> Result<Vec<Price>, Error> {
    const PAGE: u32 = 1_000;
    let mut prices = Vec::new();
    let mut after = Some(position);
    while let Some(position) = after {
        let span = Span {
            after: Some(position),
            before: None,
            limit: PAGE,
            from_end: false,
        };
        let page = page(connection, now, stock, Recorded::default(), &span).await?;
        let reaches = page.rows.iter().any(|price| price.market_time >= since);
        after = page.rows.last().map(PriceKey::from);
        after = after.filter(|_| page.has_next && reaches);
        prices.extend(page.rows);
    }
    prices.retain(|price| price.market_time >= since);
    prices.reverse();
    Ok(prices)
}

/// Returns the latest price of each of `stocks` that has one, in unspecified order.
pub async fn latest(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<Vec<Price>, Error> {
    quotes(connection, "", stocks).await
}

/// Returns the latest prices of those of `stocks` whose prices were all deleted by retention.
async fn latest_if_pruned(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<Vec<Price>, Error> {
    let is_pruned = "prices.pruned_seq >= prices.seq AND ";
    quotes(connection, is_pruned, stocks).await
}

async fn quotes(
    connection: &impl ConnectionTrait,
    condition: &str,
    stocks: &[i64],
) -> Result<Vec<Price>, Error> {
    let text = format!(
        "SELECT stocks.symbol, prices.* FROM quotes AS prices \
         JOIN stocks ON stocks.id = prices.stock_id WHERE {condition}prices.stock_id"
    );
    let sql = Sql::new(connection, text).eq_any(stocks);
    let prices = Price::find_by_statement(sql.statement());
    Ok(prices.all(connection).await?)
}
