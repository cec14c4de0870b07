//! Writes prices, many per statement.
//!
//! The number of statements does not depend on the number of prices, and their text is constant, so
//! they are prepared once. Columns are sent as arrays to PostgreSQL and as one JSON text to SQLite.

use entity::{Decimal, Price};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::{Error, feed::FeedTransaction, sql::Sql};

/// Encodes NULL in arrays of numbers. No price and no volume has this value.
const NULL: i64 = i64::MIN;

/// Stores the prices of a feed transaction, at most one per stock: as history in `stock_prices`,
/// and as the latest price in `quotes`.
pub async fn record(feed: &FeedTransaction, prices: &[Price]) -> Result<(), Error> {
    if prices.is_empty() {
        return Ok(());
    }
    feed.prepare_partition().await?;
    let connection = feed.connection();
    let columns = Price::COLUMNS;
    let insert = format!("INSERT INTO stock_prices ({columns}) SELECT {columns} FROM ");
    let insert = rows(Sql::new(connection, insert), prices);
    connection
        .execute_raw(insert.statement())
        .await
        .inspect_err(|_| feed.forget_partition())?;
    let insert =
        format!("INSERT INTO quotes ({columns}, begins_at) SELECT {columns}, recorded_at FROM ");
    let updates: Vec<String> = columns
        .split(", ")
        .filter(|column| *column != "stock_id")
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    let latest = rows(Sql::new(connection, insert), prices).push(&format!(
        " WHERE true ON CONFLICT (stock_id) DO UPDATE SET {}",
        updates.join(", ")
    ));
    connection.execute_raw(latest.statement()).await?;
    Ok(())
}

/// Appends the prices to a statement, as a table for its FROM clause.
fn rows(sql: Sql, prices: &[Price]) -> Sql {
    if sql.backend() == DbBackend::Postgres {
        arrays(sql, prices)
    } else {
        json(sql, prices)
    }
}

fn arrays(sql: Sql, prices: &[Price]) -> Sql {
    let units = |of: fn(&Price) -> Option<Decimal>| {
        numbers(prices, |price| of(price).map_or(NULL, Decimal::units))
    };
    let days: Vec<_> = prices.iter().map(|price| price.trading_day).collect();
    let sent: Vec<_> = prices.iter().map(|price| price.market_time_sent).collect();
    let providers: Vec<_> = prices.iter().map(|price| price.provider.clone()).collect();
    let nullable = |column| format!("NULLIF({column}, {NULL}) AS {column}");
    let nullable = ["previous_close", "open", "high", "low", "volume"].map(nullable);
    sql.push("(SELECT stock_id, recorded_at, seq, price, ")
        .push(&nullable.join(", "))
        .push(", trading_day, market_time, market_time_sent, provider FROM unnest(")
        .bind(numbers(prices, |price| price.stock_id))
        .push(", ")
        .bind(numbers(prices, |price| price.recorded_at.micros()))
        .push(", ")
        .bind(numbers(prices, |price| price.seq))
        .push(", ")
        .bind(numbers(prices, |price| price.price.units()))
        .push(", ")
        .bind(units(|price| price.previous_close))
        .push(", ")
        .bind(units(|price| price.open))
        .push(", ")
        .bind(units(|price| price.high))
        .push(", ")
        .bind(units(|price| price.low))
        .push(", ")
        .bind(numbers(prices, |price| price.volume.unwrap_or(NULL)))
        .push(", ")
        .bind(days)
        .push(", ")
        .bind(numbers(prices, |price| price.market_time.micros()))
        .push(", ")
        .bind(sent)
        .push(", ")
        .bind(providers)
        .push(&format!(") AS sent ({})) AS rows", Price::COLUMNS))
}

fn numbers(prices: &[Price], of: impl Fn(&Price) -> i64) -> Vec<i64> {
    prices.iter().map(of).collect()
}

fn json(sql: Sql, prices: &[Price]) -> Sql {
    let units = |decimal: Option<Decimal>| decimal.map(Decimal::units);
    let row = |price: &Price| {
        serde_json::json!([
            price.stock_id,
            price.recorded_at.micros(),
            price.seq,
            price.price.units(),
            units(price.previous_close),
            units(price.open),
            units(price.high),
            units(price.low),
            price.volume,
            price.trading_day,
            price.market_time.micros(),
            price.market_time_sent,
            price.provider,
        ])
    };
    let sent: serde_json::Value = prices.iter().map(row).collect();
    let columns: Vec<String> = (0..)
        .zip(Price::COLUMNS.split(", "))
        .map(|(at, column)| format!("value ->> {at} AS {column}"))
        .collect();
    sql.push(&format!("(SELECT {} FROM json_each(", columns.join(", ")))
        .bind(sent.to_string())
        .push(")) AS rows")
}
