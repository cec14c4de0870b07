//! Reads and writes share splits, and when they were last requested from a provider.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::{
    Event, Ratio, Split, Symbol, Timestamp,
    table::{split, split_check},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, sea_query::OnConflict,
};

use crate::{Error, feed::FeedTransaction, sql::Sql};

const SELECT: &str = "SELECT stock_id, effective_on, numerator, denominator FROM splits";

/// A stock whose splits are to be requested.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct DueSplitCheck {
    /// The id of the stock.
    pub stock_id: i64,
    /// The ticker of the stock.
    pub symbol: Symbol,
}

/// Returns the splits of each of `stocks` that are effective after one day and up to another,
/// inclusive.
pub async fn between(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
    after: NaiveDate,
    until: NaiveDate,
) -> Result<HashMap<i64, Vec<Split>>, Error> {
    let text = format!("{SELECT} WHERE effective_on > ");
    let sql = Sql::new(connection, text)
        .bind(after)
        .push(" AND effective_on <= ")
        .bind(until)
        .push(" AND stock_id")
        .eq_any(stocks);
    read(connection, sql).await
}

/// Returns all splits of a stock, sorted by day.
pub async fn all(connection: &impl ConnectionTrait, stock: i64) -> Result<Vec<Split>, Error> {
    let mut splits = all_of(connection, &[stock]).await?;
    Ok(splits.remove(&stock).unwrap_or_default())
}

/// Returns all splits of each of `stocks` that has some, sorted by day.
pub async fn all_of(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<HashMap<i64, Vec<Split>>, Error> {
    let text = format!("{SELECT} WHERE stock_id");
    let sql = Sql::new(connection, text)
        .eq_any(stocks)
        .push(" ORDER BY effective_on");
    read(connection, sql).await
}

async fn read(
    connection: &impl ConnectionTrait,
    sql: Sql,
) -> Result<HashMap<i64, Vec<Split>>, Error> {
    #[derive(FromQueryResult)]
    struct SplitRow {
        stock_id: i64,
        effective_on: NaiveDate,
        numerator: i64,
        denominator: i64,
    }
    let rows = SplitRow::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    let mut splits: HashMap<i64, Vec<Split>> = HashMap::new();
    for row in rows {
        if let Some(ratio) = Ratio::new(row.numerator.into(), row.denominator.into()) {
            splits.entry(row.stock_id).or_default().push(Split {
                effective_on: row.effective_on,
                ratio,
            });
        }
    }
    Ok(splits)
}

/// Stores splits of a stock, replaces stored ones of the same days, and publishes that. Returns
/// whether any of them is new.
pub async fn record(
    feed: &mut FeedTransaction,
    stock_id: i64,
    splits: &[Split],
    source: &str,
) -> Result<bool, Error> {
    let known = all(feed.connection(), stock_id).await?;
    let new = || splits.iter().filter(|split| !known.contains(split));
    if new().next().is_none() {
        return Ok(false);
    }
    let (connection, now) = (feed.connection(), feed.recorded_at());
    for Split {
        effective_on,
        ratio,
    } in new()
    {
        // A ratio whose terms exceed 64 bits is not a split.
        let terms = [ratio.numerator(), ratio.denominator()].map(i64::try_from);
        let [Ok(numerator), Ok(denominator)] = terms else {
            continue;
        };
        let row = split::ActiveModel {
            stock_id: Set(stock_id),
            effective_on: Set(*effective_on),
            numerator: Set(numerator),
            denominator: Set(denominator),
            source: Set(source.to_owned()),
            recorded_at: Set(now),
        };
        let replaced = OnConflict::columns([split::Column::StockId, split::Column::EffectiveOn])
            .update_columns([
                split::Column::Numerator,
                split::Column::Denominator,
                split::Column::Source,
                split::Column::RecordedAt,
            ])
            .to_owned();
        split::Entity::insert(row)
            .on_conflict(replaced)
            .exec_without_returning(connection)
            .await?;
    }
    let seq = feed.next_seq();
    feed.push(Event::SplitsChanged { seq, stock_id });
    Ok(true)
}

/// Removes the split of a day, and publishes that. Returns whether there was one.
pub async fn remove(
    feed: &mut FeedTransaction,
    stock_id: i64,
    effective_on: NaiveDate,
) -> Result<bool, Error> {
    let removed = split::Entity::delete_by_id((stock_id, effective_on))
        .exec(feed.connection())
        .await?;
    if removed.rows_affected == 0 {
        return Ok(false);
    }
    let seq = feed.next_seq();
    feed.push(Event::SplitsChanged { seq, stock_id });
    Ok(true)
}

/// Records that a stock's splits are requested from a provider.
pub async fn record_request(
    connection: &impl ConnectionTrait,
    stock_id: i64,
    now: Timestamp,
) -> Result<(), Error> {
    let row = split_check::ActiveModel {
        stock_id: Set(stock_id),
        requested_at: Set(now),
    };
    let again = OnConflict::column(split_check::Column::StockId)
        .update_column(split_check::Column::RequestedAt)
        .to_owned();
    split_check::Entity::insert(row)
        .on_conflict(again)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Returns the tracked stock with a price whose splits were requested longest ago, at `before` or
/// earlier, except `unserved` ones.
pub async fn next(
    connection: &impl ConnectionTrait,
    before: Timestamp,
    unserved: &[Symbol],
) -> Result<Option<DueSplitCheck>, Error> {
    let text = "SELECT stocks.id AS stock_id, stocks.symbol FROM stocks \
                JOIN quotes ON quotes.stock_id = stocks.id \
                LEFT JOIN split_checks ON split_checks.stock_id = stocks.id \
                WHERE stocks.tracked AND (split_checks.asked_at IS NULL OR split_checks.asked_at <= ";
    let sql = Sql::new(connection, text)
        .bind(before)
        .push(") AND NOT (stocks.symbol")
        .eq_any_text(unserved.iter().map(Symbol::to_string).collect())
        .push(") ORDER BY COALESCE(split_checks.asked_at, 0), stocks.id LIMIT 1");
    Ok(DueSplitCheck::find_by_statement(sql.statement())
        .one(connection)
        .await?)
}

/// Returns the number of stocks whose splits were requested since an instant.
pub async fn requests_since(
    connection: &impl ConnectionTrait,
    since: Timestamp,
) -> Result<u64, Error> {
    Ok(split_check::Entity::find()
        .filter(split_check::Column::RequestedAt.gte(since))
        .count(connection)
        .await?)
}
