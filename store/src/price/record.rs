//! Writes prices, many per statement.
//!
//! The number of statements does not depend on the number of prices, and their text is constant, so
//! they are prepared once.

use std::collections::BTreeMap;

use entity::{Candle, Decimal, Price};

use crate::{
    Error, candle,
    feed::FeedTransaction,
    sql::{Field, Sql, chunks, replaced},
};

/// The columns of [`Price::COLUMNS`].
const FIELDS: [(&str, Field<Price>); 13] = [
    ("stock_id", Field::Integer(|it| it.stock_id)),
    ("recorded_at", Field::Integer(|it| it.recorded_at.micros())),
    ("seq", Field::Integer(|it| it.seq)),
    ("price", Field::Integer(|it| it.price.units())),
    (
        "previous_close",
        Field::NullableInteger(|it| it.previous_close.map(Decimal::units)),
    ),
    (
        "open",
        Field::NullableInteger(|it| it.open.map(Decimal::units)),
    ),
    (
        "high",
        Field::NullableInteger(|it| it.high.map(Decimal::units)),
    ),
    (
        "low",
        Field::NullableInteger(|it| it.low.map(Decimal::units)),
    ),
    ("volume", Field::NullableInteger(|it| it.volume)),
    ("trading_day", Field::Day(|it| it.trading_day)),
    ("market_time", Field::Integer(|it| it.market_time.micros())),
    ("market_time_sent", Field::Boolean(|it| it.market_time_sent)),
    ("provider", Field::Text(|it| it.provider.clone())),
];

/// Defers the statements that store the prices of a feed transaction, in the order of their
/// positions: as history in `stock_prices`, and the last one of each stock as the latest price in
/// `quotes`; and those that store their candles.
pub async fn record(
    feed: &mut FeedTransaction,
    prices: &[&Price],
    candles: &[Candle],
) -> Result<(), Error> {
    if prices.is_empty() {
        return Ok(());
    }
    feed.prepare_partition().await?;
    let connection = feed.connection();
    let columns = Price::COLUMNS;
    let insert = format!("INSERT INTO stock_prices ({columns}) SELECT {columns} FROM ");
    let history = chunks(connection, prices)
        .map(|prices| Sql::new(connection, &insert).given(prices.iter().copied(), &FIELDS));
    let latest: BTreeMap<i64, &Price> = prices.iter().map(|it| (it.stock_id, *it)).collect();
    let latest: Vec<&Price> = latest.into_values().collect();
    let insert_latest =
        format!("INSERT INTO quotes ({columns}, begins_at) SELECT {columns}, recorded_at FROM ");
    let names = FIELDS.map(|(name, _)| name);
    let quotes = chunks(connection, &latest).map(|latest| {
        Sql::new(connection, &insert_latest)
            .given(latest.iter().copied(), &FIELDS)
            .push(" WHERE true ON CONFLICT (stock_id) DO UPDATE SET ")
            .push(&replaced(&names[1..]))
    });
    let statements = history
        .chain(quotes)
        .chain(candle::replace(connection, candles));
    for statement in statements.collect::<Vec<_>>() {
        feed.defer(statement);
    }
    Ok(())
}
