//! Reads and writes candles.
//!
//! A read is one index range per stock, however long the history. The ingest reads and writes
//! candles under the lock of the feed, so that nothing changes them in between.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Decimal, Timestamp};
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult};

use crate::{Error, database::Database, sql::Sql};

/// Encodes NULL in the rows of integers that [`Sql::rows`] sends, which cannot contain NULL.
const NULL: i64 = -i64::MAX;

/// The key of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandleKey {
    /// The id of the stock.
    pub stock_id: i64,
    /// The length of the candle.
    pub interval: CandleInterval,
    /// The start of the candle.
    pub start: Timestamp,
}

impl CandleKey {
    /// Returns the key of a candle.
    pub fn of(candle: &Candle) -> Self {
        Self {
            stock_id: candle.stock_id,
            interval: candle.interval,
            start: candle.start,
        }
    }
}

/// Selects the newest candles of a time range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CandleRange {
    /// The length of the candles.
    pub interval: CandleInterval,
    /// The earliest start, inclusive.
    pub from: Option<Timestamp>,
    /// The latest start, exclusive.
    pub to: Option<Timestamp>,
    /// Maximum number of candles per stock.
    pub limit: u32,
}

/// The candles of one stock in a [`CandleRange`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candles {
    /// The candles of the range, oldest first.
    pub rows: Vec<Candle>,
    /// The start of the stock's newest candle of this interval, which may be later than the range.
    pub newest: Option<Timestamp>,
    /// When a provider last answered for the stock.
    pub answered_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct CandleRow {
    #[sea_orm(nested)]
    candle: Candle,
    answered_at: Option<Timestamp>,
}

/// Returns the newest candles of a range by stock. Stocks without a candle in it are left out.
pub async fn newest(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    range: CandleRange,
) -> Result<HashMap<i64, Candles>, Error> {
    let mut read: HashMap<i64, Candles> = HashMap::new();
    let rows = CandleRow::find_by_statement(select(connection, stocks, range).statement());
    for CandleRow {
        candle,
        answered_at,
    } in rows.all(connection).await?
    {
        let candles = read.entry(candle.stock_id).or_default();
        candles.answered_at = answered_at;
        candles.newest = candles.newest.max(Some(candle.start));
        candles.rows.push(candle);
    }
    for candles in read.values_mut() {
        candles.rows.sort_unstable_by_key(|candle| candle.start);
    }
    if range.to.is_some() {
        for NewestStart { stock_id, start } in
            newest_starts(connection, stocks, range.interval).await?
        {
            if let Some(candles) = read.get_mut(&stock_id) {
                candles.newest = start;
            }
        }
    }
    Ok(read)
}

fn select(connection: &impl ConnectionTrait, stocks: &[i64], range: CandleRange) -> Sql {
    let CandleRange {
        interval,
        from,
        to,
        limit,
    } = range;
    // The interval is part of the text, so that PostgreSQL plans for one partition.
    let minutes = interval.minutes();
    let chosen = format!("FROM candles WHERE minutes = {minutes} AND stock_id = stocks.id");
    let (begin, end) = if connection.get_database_backend() == DbBackend::Postgres {
        let begin = format!("CROSS JOIN LATERAL (SELECT * {chosen}");
        (begin, ") AS rows")
    } else {
        // SQLite has no LATERAL. CROSS JOIN prevents it from scanning the candles first.
        let rows = format!(
            "CROSS JOIN candles AS rows ON rows.minutes = {minutes} AND rows.stock_id = stocks.id"
        );
        (
            format!("{rows} AND rows.start IN (SELECT start {chosen}"),
            ")",
        )
    };
    let text = format!("SELECT rows.*, stocks.answered_at FROM stocks {begin}");
    Sql::new(connection, text)
        .push_if_some(" AND start >= ", from)
        .push_if_some(" AND start < ", to)
        .push(&format!(
            " ORDER BY start DESC LIMIT {limit}{end} WHERE stocks.id"
        ))
        .eq_any(stocks)
}

#[derive(FromQueryResult)]
struct NewestStart {
    stock_id: i64,
    start: Option<Timestamp>,
}

async fn newest_starts(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    interval: CandleInterval,
) -> Result<Vec<NewestStart>, Error> {
    let text = format!(
        "SELECT stocks.id AS stock_id, (SELECT MAX(start) FROM candles \
         WHERE minutes = {} AND stock_id = stocks.id) AS start FROM stocks WHERE stocks.id",
        interval.minutes()
    );
    let sql = Sql::new(connection, text).eq_any(stocks);
    Ok(NewestStart::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Returns the start and close of the last daily candle before an instant, for each stock that has
/// one.
pub async fn closes_before(
    connection: &impl ConnectionTrait,
    stocks: &[(i64, Timestamp)],
) -> Result<Vec<(i64, Timestamp, Decimal)>, Error> {
    #[derive(FromQueryResult)]
    struct CloseRow {
        stock_id: i64,
        start: Timestamp,
        close: Decimal,
    }
    if stocks.is_empty() {
        return Ok(Vec::new());
    }
    let minutes = CandleInterval::OneDay.minutes();
    let last = format!(
        "(SELECT MAX(start) FROM candles WHERE minutes = {minutes} \
         AND candles.stock_id = given.stock_id AND candles.start < given.before)"
    );
    let text = "SELECT candles.stock_id, candles.start, candles.close FROM ";
    let given = stocks.iter().map(|(id, before)| [*id, before.micros()]);
    let sql = Sql::new(connection, text)
        .rows(["stock_id", "before"], given)
        .push(&format!(
            " JOIN candles ON candles.minutes = {minutes} \
             AND candles.stock_id = given.stock_id AND candles.start = {last}"
        ));
    let rows = CloseRow::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    let closes = rows.into_iter();
    Ok(closes
        .map(|row| (row.stock_id, row.start, row.close))
        .collect())
}

/// Returns the candles with the given keys. Keys without a candle are left out.
pub async fn by_keys(
    connection: &impl ConnectionTrait,
    keys: &[CandleKey],
) -> Result<Vec<Candle>, Error> {
    let given = keys.iter().map(|key| {
        [
            i64::from(key.interval.minutes()),
            key.stock_id,
            key.start.micros(),
        ]
    });
    let sql =
        Sql::new(connection, "SELECT rows.* FROM ").rows(["minutes", "stock_id", "start"], given);
    let same = "minutes = given.minutes AND stock_id = given.stock_id AND start = given.start";
    // One index lookup per key, whatever size PostgreSQL estimates for the table.
    let sql = if connection.get_database_backend() == DbBackend::Postgres {
        let lookup = format!("(SELECT * FROM candles WHERE {same} LIMIT 1)");
        sql.push(&format!(" CROSS JOIN LATERAL {lookup} AS rows"))
    } else {
        sql.push(" CROSS JOIN candles AS rows USING (minutes, stock_id, start)")
    };
    Ok(Candle::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Inserts or replaces candles, which must have different keys.
pub async fn write(connection: &impl ConnectionTrait, candles: &[Candle]) -> Result<(), Error> {
    const COLUMNS: [&str; 11] = [
        "minutes",
        "stock_id",
        "start",
        "opened_at",
        "closed_at",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "count",
    ];
    if candles.is_empty() {
        return Ok(());
    }
    let given = candles.iter().map(|candle| {
        [
            i64::from(candle.interval.minutes()),
            candle.stock_id,
            candle.start.micros(),
            candle.opened_at.map_or(NULL, Timestamp::micros),
            candle.closed_at.micros(),
            Decimal::units(candle.open),
            Decimal::units(candle.high),
            Decimal::units(candle.low),
            Decimal::units(candle.close),
            candle.volume.unwrap_or(NULL),
            i64::from(candle.count),
        ]
    });
    let columns = COLUMNS.join(", ");
    let text = format!(
        "INSERT INTO candles ({columns}) SELECT minutes, stock_id, start, \
         NULLIF(opened_at, {NULL}), closed_at, open, high, low, close, NULLIF(volume, {NULL}), count FROM "
    );
    let updates: Vec<String> = COLUMNS[3..]
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    // Without WHERE, SQLite parses ON CONFLICT as the condition of a join.
    let sql = Sql::new(connection, text)
        .rows(COLUMNS, given)
        .push(&format!(
            " WHERE true ON CONFLICT (minutes, stock_id, start) DO UPDATE SET {}",
            updates.join(", ")
        ));
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}

/// Deletes at most `limit` candles of one stock and interval that start at `from` or later. Returns
/// their number.
pub async fn delete_from(database: &Database, from: CandleKey, limit: u64) -> Result<u64, Error> {
    let CandleKey {
        stock_id,
        interval,
        start,
    } = from;
    let minutes = interval.minutes();
    let of = format!("minutes = {minutes} AND stock_id = {stock_id} AND start");
    let transaction = database.begin_write().await?;
    let sql = Sql::new(&transaction, format!("DELETE FROM candles WHERE {of} >= "))
        .bind(start)
        .push(&format!(
            " AND {of} IN (SELECT start FROM candles WHERE {of} >= "
        ))
        .bind(start)
        .push(&format!(" LIMIT {limit})"));
    let deleted = transaction.execute_raw(sql.statement()).await?;
    transaction.commit().await?;
    Ok(deleted.rows_affected())
}

/// Whether there are prices but no candles, as in a database of a version without candles.
pub async fn are_missing(connection: &impl ConnectionTrait) -> Result<bool, Error> {
    let text = "SELECT 1 WHERE EXISTS (SELECT 1 FROM stock_prices) \
                AND NOT EXISTS (SELECT 1 FROM candles)";
    let row = connection.query_one_raw(Sql::new(connection, text).statement());
    Ok(row.await?.is_some())
}
