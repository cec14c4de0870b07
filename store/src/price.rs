//! Reads prices.

use entity::{Position, Price, Timestamp};
use runtime::database::DatabaseKind;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, IsolationLevel, TransactionTrait, Value};

use crate::{
    Store,
    feed::end_within,
    page::{Key, List, Page, Span},
    sql,
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
#[derive(Clone, Copy, Debug, Default)]
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
    let text = format!(
        "SELECT stocks.symbol, prices.* FROM quotes AS prices \
         JOIN stocks ON stocks.id = prices.stock_id WHERE {}",
        sql::is_any(connection, "prices.stock_id", 1)
    );
    let statement = sql::statement(connection, text, [sql::ids(connection, stocks)]);
    Price::find_by_statement(statement).all(connection).await
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
    let mut text = "SELECT stocks.symbol, prices.* FROM quotes AS prices \
                    JOIN stocks ON stocks.id = prices.stock_id WHERE "
        .to_owned();
    let mut values = Vec::new();
    match stocks {
        None => text.push_str("stocks.tracked"),
        Some(stocks) => {
            text.push_str(&sql::is_any(&transaction, "prices.stock_id", 1));
            values.push(sql::ids(&transaction, stocks));
        }
    }
    text.push_str(" ORDER BY prices.recorded_at, prices.seq");
    let statement = sql::statement(&transaction, text, values);
    let prices = Price::find_by_statement(statement)
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
    let mut list = List {
        select: "SELECT stocks.symbol, prices.* FROM stock_prices AS prices \
                 JOIN stocks ON stocks.id = prices.stock_id WHERE prices.stock_id = $1"
            .to_owned(),
        values: vec![stock.into()],
        descending: true,
    };
    for (bound, operator) in [(recorded.from, ">="), (recorded.to, "<")] {
        if let Some(bound) = bound {
            list.values.push(bound.into());
            let comparison = format!(" AND prices.recorded_at {operator} ${}", list.values.len());
            list.select.push_str(&comparison);
        }
    }
    list.page(connection, span).await
}

/// The prices of `stocks` (or of all) after `from` up to and including `to`, at most `limit`, in feed
/// order.
pub async fn between(
    connection: &impl ConnectionTrait,
    stocks: Option<&[i64]>,
    from: Position,
    to: Position,
    limit: u32,
) -> Result<Vec<Price>, DbErr> {
    let mut text = "SELECT stocks.symbol, prices.* FROM stock_prices AS prices \
                    JOIN stocks ON stocks.id = prices.stock_id \
                    WHERE (prices.recorded_at, prices.seq) > ($1, $2) \
                    AND prices.recorded_at <= $3 AND prices.seq <= $4"
        .to_owned();
    let mut values: Vec<Value> = vec![
        from.recorded_at.into(),
        from.seq.into(),
        to.recorded_at.into(),
        to.seq.into(),
    ];
    if let Some(stocks) = stocks {
        values.push(sql::ids(connection, stocks));
        text.push_str(&format!(
            " AND {}",
            sql::is_any(connection, "prices.stock_id", values.len())
        ));
    }
    text.push_str(&format!(
        " ORDER BY prices.recorded_at, prices.seq LIMIT {limit}"
    ));
    Price::find_by_statement(sql::statement(connection, text, values))
        .all(connection)
        .await
}
