//! Forgets old prices, the oldest first.
//!
//! One invariant: the transaction that drops a price holds the feed's lock and notes the price's place, and no price goes
//! without a candle that has it. On PostgreSQL a
//! month that is over for all goes with its table, and only the month in which the horizon lies loses rows.

use std::collections::BTreeMap;

use entity::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, FromQueryResult};

use super::Retention;
use crate::{
    Store,
    feed::{self, FeedTransaction},
    month::Month,
    partition,
    sql::Sql,
};

/// The most prices that go one by one at once; those who write wait no longer than that takes.
const BATCH: usize = 500;
/// How long readers may keep a month's table, and those who come after them wait, before it is tried another time.
const PATIENCE: &str = "SET LOCAL lock_timeout = '500ms'";

/// Up to where prices were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    recorded_at: Option<Timestamp>,
    seq: i64,
}

/// Whether the candle of a price's minute is there: only then may the price go.
const COVERED: &str = "EXISTS (SELECT 1 FROM candles WHERE minutes = 1 \
                       AND candles.stock_id = prices.stock_id \
                       AND candles.start <= prices.market_time \
                       AND candles.start > prices.market_time - 60000000)";

/// A price's key.
#[derive(FromQueryResult)]
struct Row {
    stock_id: i64,
    recorded_at: Timestamp,
    seq: i64,
    covered: bool,
}

/// Drops a month, or a batch, of what is older than prices are kept, from `looked` on. Answers where to go on, if there
/// may be more.
pub async fn prune_prices(
    store: &Store,
    retention: Retention,
    looked: Looked,
) -> Result<Option<Looked>, DbErr> {
    let horizon = store.clock.now().before(retention.ticks);
    let month = next_month(store.database.read(), looked).await?;
    if let Some(month) = month
        && goes_whole(store, month, horizon, looked).await?
    {
        let feed = FeedTransaction::begin(store).await?;
        drop_month(feed.connection(), month).await?;
        feed.commit().await?;
        return Ok(Some(looked));
    }
    let feed = FeedTransaction::begin(store).await?;
    let goes_on = delete_batch(feed.connection(), month, horizon, looked).await?;
    feed.commit().await?;
    Ok(goes_on)
}

/// The oldest month from there on that there is a table for, on PostgreSQL.
async fn next_month(
    connection: &impl ConnectionTrait,
    looked: Looked,
) -> Result<Option<Month>, DbErr> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let months = partition::all(connection).await?.into_iter();
    let ahead = |month: &Month| looked.recorded_at.is_none_or(|at| at < month.end());
    Ok(months.filter(ahead).min())
}

/// Whether a month's table can go: it is over, nothing will be written to it, and candles have all of it.
async fn goes_whole(
    store: &Store,
    month: Month,
    horizon: Timestamp,
    looked: Looked,
) -> Result<bool, DbErr> {
    let begun = looked.recorded_at.is_some_and(|at| at > month.start());
    // What is recorded next is recorded in the feed's last month, or later.
    let last = Month::of(feed::end(store).await?.recorded_at);
    if begun || month.end() > horizon || month >= last {
        return Ok(false);
    }
    let text = format!(
        "SELECT 1 FROM \"{}\" AS prices WHERE NOT {COVERED} LIMIT 1",
        month.table()
    );
    let sql = Sql::new(store.database.read(), text);
    let uncovered = store.database.read().query_one_raw(sql.statement()).await?;
    Ok(uncovered.is_none())
}

async fn drop_month(connection: &DatabaseTransaction, month: Month) -> Result<(), DbErr> {
    connection.execute_unprepared(PATIENCE).await?;
    let table = month.table();
    // One step into the key for each stock, however many rows there are.
    let text = format!(
        "SELECT stocks.id AS stock_id, last.recorded_at, last.seq, true AS covered FROM stocks CROSS JOIN LATERAL \
         (SELECT recorded_at, seq FROM \"{table}\" WHERE stock_id = stocks.id \
         ORDER BY recorded_at DESC, seq DESC LIMIT 1) AS last"
    );
    let sql = Sql::new(connection, text);
    let last = Row::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    note(connection, &last, month.end()).await?;
    let gone = format!("DROP TABLE \"{table}\"");
    connection.execute_unprepared(&gone).await?;
    tracing::info!(%table, "dropped a month of prices that RETENTION_TICKS does not keep");
    Ok(())
}

/// Drops a batch of prices, of one month if there is one. Answers where to go on.
async fn delete_batch(
    connection: &DatabaseTransaction,
    month: Option<Month>,
    horizon: Timestamp,
    looked: Looked,
) -> Result<Option<Looked>, DbErr> {
    // The month is written out, so that PostgreSQL looks at its table alone.
    let within = |text: &str| {
        let sql = Sql::new(connection, text)
            .push(" WHERE recorded_at < ")
            .bind(horizon);
        let sql = match month {
            Some(month) => sql.push(&month.condition("recorded_at")),
            None => sql,
        };
        match looked.recorded_at {
            Some(at) => sql
                .push(" AND (recorded_at, seq) > ")
                .bind_row(vec![at.into(), looked.seq.into()]),
            None => sql,
        }
    };
    let keys = format!(
        "SELECT stock_id, recorded_at, seq, {COVERED} AS covered FROM stock_prices AS prices"
    );
    let sql = within(&keys).push(&format!(" ORDER BY recorded_at, seq LIMIT {BATCH}"));
    let mut old = Row::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    let full = old.len() == BATCH;
    let last = old.last().map(|last| Looked {
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
            .is_any(&seqs);
        connection.execute_raw(sql.statement()).await?;
        note(connection, &old, newest.recorded_at).await?;
    }
    if full {
        return Ok(last);
    }
    let over = month.map(Month::end).filter(|end| *end < horizon);
    Ok(over.map(|end| Looked {
        recorded_at: Some(end),
        seq: 0,
    }))
}

/// Notes that these prices, and their stocks' earlier ones, are gone; what is left of them begins at `begins_at`.
async fn note(
    connection: &DatabaseTransaction,
    gone: &[Row],
    begins_at: Timestamp,
) -> Result<(), DbErr> {
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    for row in gone {
        let seq = last.entry(row.stock_id).or_default();
        *seq = row.seq.max(*seq);
    }
    let Some(newest) = last.values().max() else {
        return Ok(());
    };
    let sql = Sql::new(
        connection,
        "UPDATE quotes SET pruned_seq = gone.seq, begins_at = ",
    )
    .bind(begins_at)
    .push(" FROM ")
    .table_of(["stock_id", "seq"], &last)
    .push(" AS gone WHERE quotes.stock_id = gone.stock_id");
    connection.execute_raw(sql.statement()).await?;
    let sql = Sql::new(connection, "UPDATE feed_head SET pruned_seq = ")
        .bind(*newest)
        .push(" WHERE pruned_seq < ")
        .bind(*newest);
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}
