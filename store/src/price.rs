//! Reads prices, and writes them.

mod record;

use std::collections::HashMap;

use entity::{Position, Price, Timestamp};
use runtime::database::DatabaseKind;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, IsolationLevel, TransactionTrait, Value};

pub use self::record::record;
use crate::{
    Store,
    feed::end_within,
    page::{self, Key, Order, Page, Span},
    sql::Sql,
};

/// A price's place among those of its stock.
#[derive(Clone, Copy, Debug)]
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

impl Key for PriceKey {
    const COLUMNS: &'static [&'static str] = &["prices.recorded_at", "prices.seq"];

    fn values(&self) -> Vec<Value> {
        vec![self.recorded_at.into(), self.seq.into()]
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

const SELECT: &str = "SELECT stocks.symbol, prices.* FROM stock_prices AS prices \
                      JOIN stocks ON stocks.id = prices.stock_id WHERE ";
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

/// A page of a stock's prices, newest first.
pub async fn page(
    connection: &impl ConnectionTrait,
    stock: i64,
    recorded: Recorded,
    span: &Span<PriceKey>,
) -> Result<Page<Price>, DbErr> {
    let sql = Sql::new(connection, SELECT)
        .push("prices.stock_id = ")
        .bind(stock)
        .bind_some(" AND prices.recorded_at >= ", recorded.from)
        .bind_some(" AND prices.recorded_at < ", recorded.to);
    page::read(connection, &sql, Order::Descending, span).await
}

/// The first pages of many stocks' prices, by stock, newest first: the newest `limit`, or the oldest if `from_end`.
pub async fn first_pages(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    recorded: Recorded,
    limit: u32,
    from_end: bool,
) -> Result<HashMap<i64, Page<Price>>, DbErr> {
    let order = if from_end {
        "recorded_at, seq"
    } else {
        "recorded_at DESC, seq DESC"
    };
    let bounds = |sql: Sql| {
        sql.bind_some(" AND recorded_at >= ", recorded.from)
            .bind_some(" AND recorded_at < ", recorded.to)
    };
    let wanted = u64::from(limit) + 1;
    let rows: Vec<Price> =
        page::read_each(connection, "stock_prices", order, stocks, wanted, bounds).await?;
    let place = |price: &Price| (price.recorded_at, price.seq);
    Ok(page::by_stock(
        rows,
        stocks,
        |price| price.stock_id,
        place,
        limit,
        from_end,
    ))
}

/// The prices of `stocks` (or of all) after `from` up to and including `to`, at most `limit`, in feed order.
pub async fn between(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<Vec<Price>, DbErr> {
    let mut sql = Sql::new(connection, SELECT)
        .push("(prices.recorded_at, prices.seq) > ")
        .bind_row(PriceKey::from(from).values())
        .push(" AND (prices.recorded_at, prices.seq) <= ")
        .bind_row(PriceKey::from(to).values());
    if let Some(stocks) = stocks {
        sql = sql.push(" AND prices.stock_id").is_any(stocks);
    }
    let sql = sql.push(&format!(
        " ORDER BY prices.recorded_at, prices.seq LIMIT {limit}"
    ));
    Price::find_by_statement(sql.statement())
        .all(connection)
        .await
}
