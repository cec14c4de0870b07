//! Deletes old prices, oldest first.
//!
//! The transaction that deletes a price holds the lock of the feed and records the position of the
//! price. A price is deleted only if a candle includes it. On PostgreSQL, a month that is older
//! than the retention period is dropped with its partition; rows are deleted only in the month at
//! the limit.

use std::collections::BTreeMap;

use entity::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult};

use crate::{
    Error, Store,
    feed::{self, FeedTransaction},
    month::Month,
    partition,
    sql::{Field, Sql, chunks},
};
use runtime::config::RetentionSettings;

/// Maximum number of prices deleted at once, which bounds how long writers wait.
const BATCH: usize = 500;
/// Bounds how long dropping a partition waits for its readers, and later readers wait for it,
/// before it is retried.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";

/// The position up to which prices were examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneCursor {
    recorded_at: Option<Timestamp>,
    seq: i64,
}

/// Whether a one-minute candle includes the price; otherwise the price is kept.
const IS_COVERED: &str = "EXISTS (SELECT 1 FROM candles WHERE minutes = 1 \
                       AND candles.stock_id = prices.stock_id \
                       AND candles.start <= prices.market_time \
                       AND candles.start > prices.market_time - 60000000)";

/// The key of a price to delete.
#[derive(FromQueryResult)]
struct OldPrice {
    stock_id: i64,
    recorded_at: Timestamp,
    seq: i64,
    covered: bool,
}

/// Drops one month, or deletes a batch of prices, older than the retention period, starting at
/// `cursor`. Returns where to continue, if there may be more.
pub async fn prune_prices(
    store: &Store,
    retention: RetentionSettings,
    cursor: PruneCursor,
) -> Result<Option<PruneCursor>, Error> {
    let horizon = store.clock.now().before(retention.ticks);
    let month = next_month(store.database.read(), cursor).await?;
    if let Some(month) = month
        && can_drop(store, month, horizon, cursor).await?
    {
        let feed = FeedTransaction::begin(store).await?;
        drop_month(feed.connection(), month).await?;
        feed.commit().await?;
        return Ok(Some(cursor));
    }
    let feed = FeedTransaction::begin(store).await?;
    let next = delete_batch(feed.connection(), month, horizon, cursor).await?;
    feed.commit().await?;
    Ok(next)
}

/// The oldest month at or after the cursor that has a partition; `None` on SQLite.
async fn next_month(
    connection: &impl ConnectionTrait,
    cursor: PruneCursor,
) -> Result<Option<Month>, Error> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let months = partition::all(connection).await?.into_iter();
    let is_ahead = |month: &Month| cursor.recorded_at.is_none_or(|at| at < month.end());
    Ok(months.filter(is_ahead).min())
}

/// Whether the partition of a month can be dropped: all of it has expired, nothing will be inserted
/// into it, and candles include all of its prices.
async fn can_drop(
    store: &Store,
    month: Month,
    horizon: Timestamp,
    cursor: PruneCursor,
) -> Result<bool, Error> {
    let is_partly_examined = cursor.recorded_at.is_some_and(|at| at > month.start());
    // The next price is recorded in the last month of the feed or later.
    let last = Month::of(feed::end(store).await?.recorded_at);
    if is_partly_examined || month.end() > horizon || month >= last {
        return Ok(false);
    }
    let text = format!(
        "SELECT 1 FROM \"{}\" AS prices WHERE NOT {IS_COVERED} LIMIT 1",
        month.table()
    );
    let sql = Sql::new(store.database.read(), text);
    let uncovered = store.database.read().query_one_raw(sql.statement()).await?;
    Ok(uncovered.is_none())
}

async fn drop_month(connection: &DatabaseTransaction, month: Month) -> Result<(), Error> {
    connection.execute_unprepared(LOCK_TIMEOUT).await?;
    let table = month.table();
    // One index lookup per stock, independent of the number of rows.
    let text = format!(
        "SELECT stocks.id AS stock_id, last.recorded_at, last.seq, true AS covered FROM stocks CROSS JOIN LATERAL \
         (SELECT recorded_at, seq FROM \"{table}\" WHERE stock_id = stocks.id \
         ORDER BY recorded_at DESC, seq DESC LIMIT 1) AS last"
    );
    let sql = Sql::new(connection, text);
    let last = OldPrice::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    record_pruned(connection, &last, month.end()).await?;
    let drop = format!("DROP TABLE \"{table}\"");
    connection.execute_unprepared(&drop).await?;
    tracing::info!(%table, "dropped a month of prices that is older than RETENTION_TICKS");
    Ok(())
}

/// Deletes a batch of prices, of one month if given. Returns where to continue.
async fn delete_batch(
    connection: &DatabaseTransaction,
    month: Option<Month>,
    horizon: Timestamp,
    cursor: PruneCursor,
) -> Result<Option<PruneCursor>, Error> {
    // The month is a literal, so that PostgreSQL scans its partition only.
    let within = |text: &str| {
        let sql = Sql::new(connection, text)
            .push(" WHERE recorded_at < ")
            .bind(horizon);
        let sql = match month {
            Some(month) => sql.push(&month.condition("recorded_at")),
            None => sql,
        };
        match cursor.recorded_at {
            Some(at) => sql
                .push(" AND (recorded_at, seq) > ")
                .bind_row(vec![at.into(), cursor.seq.into()]),
            None => sql,
        }
    };
    let keys = format!(
        "SELECT stock_id, recorded_at, seq, {IS_COVERED} AS covered FROM stock_prices AS prices"
    );
    let sql = within(&keys).push(&format!(" ORDER BY recorded_at, seq LIMIT {BATCH}"));
    let mut old = OldPrice::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    let full = old.len() == BATCH;
    let last = old.last().map(|last| PruneCursor {
        recorded_at: Some(last.recorded_at),
        seq: last.seq,
    });
    old.retain(|row| row.covered);
    if let Some(newest) = old.last() {
        let seqs: Vec<i64> = old.iter().map(|row| row.seq).collect();
        let end = vec![newest.recorded_at.into(), newest.seq.into()];
        let sql = within("DELETE FROM stock_prices")
            .push(" AND (recorded_at, seq) <= ")
            .bind_row(end)
            .push(" AND seq")
            .eq_any(&seqs);
        connection.execute_raw(sql.statement()).await?;
        record_pruned(connection, &old, newest.recorded_at).await?;
    }
    if full {
        return Ok(last);
    }
    let over = month.map(Month::end).filter(|end| *end < horizon);
    Ok(over.map(|end| PruneCursor {
        recorded_at: Some(end),
        seq: 0,
    }))
}

/// Records that these prices and the earlier ones of their stocks are deleted, and that the
/// remaining prices begin at `begins_at`.
async fn record_pruned(
    connection: &DatabaseTransaction,
    deleted: &[OldPrice],
    begins_at: Timestamp,
) -> Result<(), Error> {
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for row in deleted {
        let seq = last.entry(row.stock_id).or_default();
        *seq = row.seq.max(*seq);
    }
    let Some(newest) = last.values().copied().max() else {
        return Ok(());
    };
    let last: Vec<(i64, i64)> = last.into_iter().collect();
    let fields = [
        ("stock_id", Field::Integer(|(id, _): &(i64, i64)| *id)),
        ("seq", Field::Integer(|(_, seq)| *seq)),
    ];
    let text = "UPDATE quotes SET pruned_seq = given.seq, begins_at = ";
    for last in chunks(connection, &last) {
        let sql = Sql::new(connection, text)
            .bind(begins_at)
            .push(" FROM ")
            .given(last.iter(), &fields)
            .push(" WHERE quotes.stock_id = given.stock_id");
        connection.execute_raw(sql.statement()).await?;
    }
    let sql = Sql::new(connection, "UPDATE feed_head SET pruned_seq = ")
        .bind(newest)
        .push(" WHERE pruned_seq < ")
        .bind(newest);
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}
