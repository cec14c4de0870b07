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
use crate::{Error, sql::Sql};

/// The sort key of a price within its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PriceKey {
    recorded_at: Timestamp,
    seq: i64,
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
