//! Sample rows for tests and benchmarks: extreme numbers, names in many scripts, nulls.
//!
//! The same shape always gives the same rows, so that two ways to resolve a document can be
//! compared.

use chrono::NaiveDate;
use entity::{
    AlertKind, Candle, CandleInterval, ChangeBase, Decimal, Direction, Price, Symbol, Timestamp,
    Trigger,
    table::{alert, alert_rule, feed_head, quote, stock, stock_price},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
};
use store::database::{Database, DatabaseKind};

/// The number of rows.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Tracked stocks, from `S0`.
    pub stocks: i64,
    /// Prices of each stock.
    pub prices: i64,
    /// Alerts of each stock.
    pub alerts: i64,
    /// Candles of each stock and interval.
    pub candles: i64,
}

/// The time at which the rows are recorded.
pub const NOW: Timestamp = Timestamp::from_micros(1_795_400_000_123_456);
/// Creates PostgreSQL's partition for the prices of `NOW`.
const MONTH: &str = "CREATE TABLE IF NOT EXISTS stock_prices_2026_11 PARTITION OF stock_prices \
                     FOR VALUES FROM (1793491200000000) TO (1796083200000000)";
const NAMES: [Option<&str>; 6] = [
    None,
    Some(""),
    Some("Ĳsselmeer \"Öl & Gas\" \\ A/S"),
    Some("東京電力ホールディングス 🦀"),
    Some("line\nbreak\ttab\u{1}\u{1f}\u{7f}\u{2028}"),
    Some("Plain Inc."),
];
const UNITS: [i64; 8] = [
    18_723_000_000,
    1,
    i64::MAX,
    0,
    -1,
    i64::MIN,
    10_500_000_000,
    123_456_789,
];
const MICROS: [i64; 6] = [
    0,
    1_795_400_000_000_000,
    1_795_400_000_120_000,
    1_795_400_000_123_456,
    -1,
    i64::MAX,
];

/// Fills a migrated, empty database.
///
/// # Panics
///
/// If a row cannot be written.
pub async fn fill(database: &Database, shape: Shape) {
    let transaction = database.begin_write().await.expect("begin a transaction");
    if database.kind() == DatabaseKind::Postgres {
        let month = transaction.execute_unprepared(MONTH).await;
        month.expect("create the partition");
    }
    let first_rule = rules(&transaction).await;
    for at in 0..shape.stocks {
        let id = stock(&transaction, at, shape).await;
        prices(&transaction, id, at, shape).await;
        alerts(&transaction, id, at, shape, first_rule).await;
        candles(&transaction, id, at, shape).await;
    }
    let head = feed_head::ActiveModel {
        id: Set(1),
        epoch: Set(i64::MAX),
        seq: Set(1),
        recorded_at: Set(NOW),
        pruned_seq: Set(0),
    };
    let head = feed_head::Entity::insert(head);
    let head = head.exec_without_returning(&transaction).await;
    head.expect("a head");
    transaction.commit().await.expect("write the row");
}

fn pick<T: Copy, const N: usize>(from: [T; N], at: i64) -> T {
    from[usize::try_from(at).unwrap_or_default() % N]
}

fn decimal(at: i64) -> Decimal {
    Decimal::from_units(pick(UNITS, at))
}

/// A decimal or `None`.
fn decimal_if(at: i64) -> Option<Decimal> {
    (at % 3 != 0).then(|| decimal(at))
}

fn symbol(at: i64) -> Symbol {
    format!("S{at}").parse().expect("a symbol")
}

fn day(at: i64) -> NaiveDate {
    let days = [(2026, 11, 20), (1962, 1, 2), (2024, 2, 29), (9999, 12, 31)];
    let (year, month, day) = pick(days, at);
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

async fn rules(transaction: &DatabaseTransaction) -> i64 {
    let rule = |at: i64| alert_rule::ActiveModel {
        id: NotSet,
        stock_id: Set(None),
        is_default: Set(at == 0),
        kind: Set(AlertKind::PercentChange),
        threshold: Set(decimal(at)),
        base: Set((at == 0).then_some(ChangeBase::PreviousClose)),
        trigger: Set(Trigger::OncePerDay),
        cooldown_seconds: Set(0),
        enabled: Set(true),
        expires_at: Set((at > 0).then_some(NOW)),
        created_at: Set(NOW),
        ..Default::default()
    };
    let rules = alert_rule::Entity::insert_many([rule(0), rule(6)]);
    let last = rules.exec(transaction).await.expect("write the rows");
    last.last_insert_id.expect("two rules") - 1
}

async fn stock(transaction: &DatabaseTransaction, at: i64, shape: Shape) -> i64 {
    let row = stock::ActiveModel {
        id: NotSet,
        symbol: Set(symbol(at)),
        name: Set(pick(NAMES, at).map(str::to_owned)),
        currency: Set((at % 2 == 0).then(|| "USD".to_owned())),
        exchange: Set(pick(NAMES, at + 1).map(str::to_owned)),
        tracked: Set(true),
        tracked_at: Set(NOW),
        answered_at: Set((at % 2 == 1).then_some(NOW)),
        alert_count: Set(shape.alerts),
        unpriced_answers: Set(0),
        requested_at: Set(None),
    };
    let written = stock::Entity::insert(row).exec(transaction).await;
    written.expect("write the row").last_insert_id
}

async fn prices(transaction: &DatabaseTransaction, stock_id: i64, stock: i64, shape: Shape) {
    let price = |at: i64| {
        let any = stock + at;
        Price {
            stock_id,
            symbol: symbol(stock),
            seq: stock * shape.prices + at,
            price: decimal(any),
            previous_close: decimal_if(any + 1),
            open: decimal_if(any + 2),
            high: decimal_if(any + 3),
            low: decimal_if(any + 4),
            volume: (any % 2 == 0).then(|| pick(UNITS, any)),
            trading_day: day(any),
            market_time: Timestamp::from_micros(pick(MICROS, any)),
            market_time_sent: true,
            recorded_at: Timestamp::from_micros(NOW.micros() + at),
            provider: pick(NAMES, any).unwrap_or("replay").to_owned(),
        }
    };
    let prices: Vec<Price> = (0..shape.prices).map(price).collect();
    let Some(last) = prices.last() else { return };
    // The last stock has no latest price.
    if stock + 1 < shape.stocks {
        let quote = quote::Model {
            stock_id,
            recorded_at: last.recorded_at,
            seq: last.seq,
            price: last.price,
            previous_close: last.previous_close,
            open: last.open,
            high: last.high,
            low: last.low,
            volume: last.volume,
            trading_day: last.trading_day,
            market_time: last.market_time,
            market_time_sent: last.market_time_sent,
            provider: last.provider.clone(),
            begins_at: NOW,
            pruned_seq: 0,
        };
        let quote = quote.into_active_model();
        let written = quote::Entity::insert(quote).exec_without_returning(transaction);
        written.await.expect("write the row");
    }
    let rows = prices.iter().map(stock_price::ActiveModel::from);
    let written = stock_price::Entity::insert_many(rows).exec_without_returning(transaction);
    written.await.expect("write the rows");
}

async fn alerts(
    transaction: &DatabaseTransaction,
    stock_id: i64,
    stock: i64,
    shape: Shape,
    first_rule: i64,
) {
    let alert = |at: i64| {
        let any = stock + at;
        let directions = [Direction::Up, Direction::Down];
        alert::ActiveModel {
            id: NotSet,
            stock_id: Set(stock_id),
            rule_id: Set((any % 3 != 1).then_some(first_rule + any % 2)),
            seq: Set(stock * shape.alerts + at),
            kind: Set(AlertKind::PercentChange),
            direction: Set(pick(directions, any)),
            price: Set(decimal(any)),
            reference_price: Set(decimal_if(any + 1)),
            change_percent: Set(decimal_if(any + 2)),
            threshold: Set(Decimal::from_int(5 * i32::try_from(at + 1).unwrap_or(1))),
            trading_day: Set(day(any)),
            triggered_at: Set(Timestamp::from_micros(NOW.micros() + at)),
            acknowledged_at: Set((any % 2 == 0).then(|| Timestamp::from_micros(pick(MICROS, any)))),
            ..Default::default()
        }
    };
    let rows: Vec<_> = (0..shape.alerts).map(alert).collect();
    if !rows.is_empty() {
        let written = alert::Entity::insert_many(rows).exec_without_returning(transaction);
        written.await.expect("write the rows");
    }
}

async fn candles(transaction: &DatabaseTransaction, stock_id: i64, stock: i64, shape: Shape) {
    const DAY: i64 = 86_400_000_000;
    let candle = |interval, at: i64| {
        let any = stock + at;
        let start = Timestamp::from_micros(NOW.micros() - at * DAY);
        Candle {
            stock_id,
            interval,
            start,
            opened_at: (any % 2 == 0).then_some(start),
            closed_at: start,
            open: decimal(any),
            high: decimal(any + 1),
            low: decimal(any + 2),
            close: decimal(any + 3),
            volume: (any % 2 == 1).then(|| pick(UNITS, any)),
            count: i32::try_from(any % 3).unwrap_or_default(),
        }
    };
    for interval in CandleInterval::ALL {
        let rows: Vec<Candle> = (0..shape.candles).map(|at| candle(interval, at)).collect();
        let written = store::candle::write(transaction, &rows);
        written.await.expect("write the rows");
    }
}
