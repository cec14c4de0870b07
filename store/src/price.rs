//! Reads prices, and writes them.
//!
//! One invariant: what a read costs depends on how much it answers, not on how much there is: [`quotes`](latest) has the
//! latest prices, [`page()`] and [`first_pages`] find an end of a list, [`resume`](after) goes on from a place.

mod history;
mod reach;
mod record;
mod resume;
mod search;
mod window;

use entity::{Position, Price, Timestamp};
use runtime::database::DatabaseKind;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, IsolationLevel, TransactionTrait};

pub use self::{
    history::{first_pages, page},
    record::record,
    resume::{After, after, has_expired},
};
use crate::{Store, feed::end_within, sql::Sql};

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

const SELECT_LATEST: &str = "SELECT stocks.symbol, prices.* FROM quotes AS prices \
                             JOIN stocks ON stocks.id = prices.stock_id WHERE ";

/// The latest price of each of `stocks` that has one, in no order.
pub async fn latest(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<Vec<Price>, DbErr> {
    let sql = Sql::new(connection, SELECT_LATEST)
        .push("prices.stock_id")
        .is_any(stocks);
    Price::find_by_statement(sql.statement())
        .all(connection)
        .await
}

/// The latest price of each of `stocks`, or of each tracked one, in feed order, with the place in the feed at which that
/// is what they are.
pub async fn snapshot(
    store: &Store,
    stocks: Option<&[i64]>,
) -> Result<(Vec<Price>, Position), DbErr> {
    // One snapshot of the database for both reads, so that neither knows what the other does not.
    let isolation = match store.database.kind() {
        DatabaseKind::Postgres => Some(IsolationLevel::RepeatableRead),
        DatabaseKind::Sqlite => None,
    };
    let transaction = store
        .database
        .read()
        .begin_with_config(isolation, None)
        .await?;
    let position = end_within(&transaction).await?;
    let sql = Sql::new(&transaction, SELECT_LATEST);
    let sql = match stocks {
        None => sql.push("stocks.tracked"),
        Some(stocks) => sql.push("prices.stock_id").is_any(stocks),
    };
    let sql = sql.push(" ORDER BY prices.recorded_at, prices.seq");
    let prices = Price::find_by_statement(sql.statement())
        .all(&transaction)
        .await?;
    transaction.commit().await?;
    Ok((prices, position))
}
