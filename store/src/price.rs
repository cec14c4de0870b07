//! Reads prices, and writes them.
//!
//! One invariant: what a read costs depends on how much it answers, not on how much there is: [`quotes`](latest) has the
//! latest prices, [`page()`] and [`first_pages`] find an end of a list, [`resume`](after) goes on from a place. A stock's
//! latest price is in its list for ever.

mod history;
mod reach;
mod record;
mod resume;
mod search;
mod window;

use entity::{Position, Price, Timestamp};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

pub use self::{
    history::{first_pages, page},
    record::record,
    resume::{After, after, has_expired},
};
use crate::sql::Sql;

/// A price's place among those of its stock.
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

/// When prices were recorded: `from` inclusive, `to` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// The earliest instant.
    pub from: Option<Timestamp>,
    /// The first instant that is too late.
    pub to: Option<Timestamp>,
}

/// The latest price of each of `stocks` that has one, in no order.
pub async fn latest(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<Vec<Price>, DbErr> {
    quotes(connection, "", stocks).await
}

/// Those of the latest prices of `stocks` that retention has dropped from everywhere else.
async fn last_left(connection: &impl ConnectionTrait, stocks: &[i64]) -> Result<Vec<Price>, DbErr> {
    let gone = "prices.pruned_seq >= prices.seq AND ";
    quotes(connection, gone, stocks).await
}

async fn quotes(
    connection: &impl ConnectionTrait,
    condition: &str,
    stocks: &[i64],
) -> Result<Vec<Price>, DbErr> {
    let text = format!(
        "SELECT stocks.symbol, prices.* FROM quotes AS prices \
         JOIN stocks ON stocks.id = prices.stock_id WHERE {condition}prices.stock_id"
    );
    let sql = Sql::new(connection, text).is_any(stocks);
    let prices = Price::find_by_statement(sql.statement());
    prices.all(connection).await
}
