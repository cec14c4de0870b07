//! Reads and writes candles.
//!
//! A read is one index range per stock, however long the history. The ingest reads and writes
//! candles under the lock of the feed, so that nothing changes them in between.

use std::collections::HashMap;

use entity::{Candle, CandleInterval, Decimal, Timestamp};
use sea_orm::{ActiveEnum, ConnectionTrait, DbBackend, FromQueryResult};

use crate::{
    Error,
    database::Database,
    rows::{Row, Rows},
    sql::{Field, Sql, chunks, execute_all, replaced},
};

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
    let minutes = CandleInterval::OneDay.minutes();
    let last = format!(
        "(SELECT MAX(start) FROM candles WHERE minutes = {minutes} \
         AND candles.stock_id = given.stock_id AND candles.start < given.before)"
    );
    let text = "SELECT candles.stock_id, candles.start, candles.close FROM ";
    let fields = [
        ("stock_id", Field::Integer(|(id, _): &(i64, Timestamp)| *id)),
        ("before", Field::Integer(|(_, before)| before.micros())),
    ];
    let mut closes = Vec::new();
    for stocks in chunks(connection, stocks) {
        let sql = Sql::new(connection, text)
            .given(stocks.iter(), &fields)
            .push(&format!(
                " JOIN candles ON candles.minutes = {minutes} \
                 AND candles.stock_id = given.stock_id AND candles.start = {last}"
            ));
        let rows = CloseRow::find_by_statement(sql.statement());
        let rows = rows.all(connection).await?.into_iter();
        closes.extend(rows.map(|row| (row.stock_id, row.start, row.close)));
    }
    Ok(closes)
}

/// The columns that [`lookup`] reads.
const COLUMNS: [&str; 11] = [
    "rows.minutes",
    "rows.stock_id",
    "rows.start",
    "opened_at",
    "closed_at",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "count",
];

/// Returns the candles with the given keys. Keys without a candle are left out.
pub async fn by_keys(
    connection: &impl ConnectionTrait,
    keys: &[CandleKey],
) -> Result<Vec<Candle>, Error> {
    let fields = [
        (
            "minutes",
            Field::Integer(|key: &CandleKey| key.interval.minutes().into()),
        ),
        ("stock_id", Field::Integer(|key| key.stock_id)),
        ("start", Field::Integer(|key| key.start.micros())),
    ];
    lookup(connection, keys, &fields, "given.start").await
}

/// Returns the newest candle of each of these stocks and intervals that has one.
pub async fn newest_of_each(
    connection: &impl ConnectionTrait,
    series: &[(i64, CandleInterval)],
) -> Result<Vec<Candle>, Error> {
    let fields = [
        (
            "minutes",
            Field::Integer(|(_, interval): &(i64, CandleInterval)| interval.minutes().into()),
        ),
        ("stock_id", Field::Integer(|(stock_id, _)| *stock_id)),
    ];
    let newest = "(SELECT MAX(start) FROM candles \
                  WHERE minutes = given.minutes AND stock_id = given.stock_id)";
    lookup(connection, series, &fields, newest).await
}

/// Returns the candles of rows with `minutes` and `stock_id`. `start` is the SQL expression of the
/// start of each.
async fn lookup<R>(
    connection: &impl ConnectionTrait,
    rows: &[R],
    fields: &[(&str, Field<R>)],
    start: &str,
) -> Result<Vec<Candle>, Error> {
    let mut candles = Vec::new();
    for rows in chunks(connection, rows) {
        let rows = Rows::select(connection, &COLUMNS, |sql| {
            let sql = sql.push(" FROM ").given(rows.iter(), fields);
            let same = format!(
                "rows.minutes = given.minutes AND rows.stock_id = given.stock_id \
                 AND rows.start = {start}"
            );
            // Index lookups per row, whatever size PostgreSQL estimates for the table.
            if connection.get_database_backend() == DbBackend::Postgres {
                let lookup = format!("(SELECT * FROM candles AS rows WHERE {same} LIMIT 1)");
                sql.push(&format!(" CROSS JOIN LATERAL {lookup} AS rows"))
            } else {
                sql.push(&format!(" CROSS JOIN candles AS rows ON {same}"))
            }
        });
        for row in rows.read(connection).await? {
            candles.push(candle(&row)?);
        }
    }
    Ok(candles)
}

fn candle(row: &Row) -> Result<Candle, Error> {
    let minutes: i32 = row.get(0)?;
    let units = |column| Ok::<_, Error>(Decimal::from_units(row.get(column)?));
    Ok(Candle {
        stock_id: row.get(1)?,
        interval: CandleInterval::try_from_value(&minutes)?,
        start: Timestamp::from_micros(row.get(2)?),
        opened_at: row.get::<Option<i64>>(3)?.map(Timestamp::from_micros),
        closed_at: Timestamp::from_micros(row.get(4)?),
        open: units(5)?,
        high: units(6)?,
        low: units(7)?,
        close: units(8)?,
        volume: row.get(9)?,
        count: row.get(10)?,
    })
}

/// Inserts or replaces candles, which must have different keys.
pub async fn write(connection: &impl ConnectionTrait, candles: &[Candle]) -> Result<(), Error> {
    execute_all(connection, replace(connection, candles).collect()).await
}

/// Returns the statements that insert or replace candles, which must have different keys.
pub(crate) fn replace(
    connection: &impl ConnectionTrait,
    candles: &[Candle],
) -> impl Iterator<Item = Sql> {
    let fields = [
        (
            "minutes",
            Field::Integer(|it: &Candle| it.interval.minutes().into()),
        ),
        ("stock_id", Field::Integer(|it| it.stock_id)),
        ("start", Field::Integer(|it| it.start.micros())),
        (
            "opened_at",
            Field::NullableInteger(|it| it.opened_at.map(Timestamp::micros)),
        ),
        ("closed_at", Field::Integer(|it| it.closed_at.micros())),
        ("open", Field::Integer(|it| it.open.units())),
        ("high", Field::Integer(|it| it.high.units())),
        ("low", Field::Integer(|it| it.low.units())),
        ("close", Field::Integer(|it| it.close.units())),
        ("volume", Field::NullableInteger(|it| it.volume)),
        ("count", Field::Integer(|it| it.count.into())),
    ];
    let names = fields.each_ref().map(|(name, _)| *name);
    let columns = names.join(", ");
    let text = format!("INSERT INTO candles ({columns}) SELECT {columns} FROM ");
    chunks(connection, candles).map(move |candles| {
        // Without WHERE, SQLite parses ON CONFLICT as the condition of a join.
        Sql::new(connection, &text)
            .given(candles.iter(), &fields)
            .push(" WHERE true ON CONFLICT (minutes, stock_id, start) DO UPDATE SET ")
            .push(&replaced(&names[3..]))
    })
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
