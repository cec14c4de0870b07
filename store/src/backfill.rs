//! Tracks which stocks still need their daily history.
//!
//! Requests are recorded, so that neither a restart nor another tracker repeats them.

use entity::{
    Symbol, Timestamp,
    table::backfill::{ActiveModel, Column, Entity},
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, EntityTrait, FromQueryResult, sea_query::OnConflict,
};

use crate::{Error, sql::Sql};

/// A stock whose history is to be requested.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct DueBackfill {
    /// The id of the stock.
    pub stock_id: i64,
    /// The ticker of the stock.
    pub symbol: Symbol,
    /// Number of failed requests.
    pub failures: i32,
}

/// Returns the first tracked stock with a price whose history was not filled since it is tracked,
/// except `unserved` ones.
pub async fn next(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    unserved: &[Symbol],
) -> Result<Option<DueBackfill>, Error> {
    let text = "SELECT stocks.id AS stock_id, stocks.symbol, \
                COALESCE(backfills.failures, 0) AS failures FROM stocks \
                JOIN quotes ON quotes.stock_id = stocks.id \
                LEFT JOIN backfills ON backfills.stock_id = stocks.id WHERE stocks.tracked \
                AND (backfills.done_at IS NULL OR backfills.done_at < stocks.tracked_at) \
                AND (backfills.next_at IS NULL OR backfills.next_at <= ";
    let sql = Sql::new(connection, text)
        .bind(now)
        .push(") AND NOT (stocks.symbol")
        .eq_any_text(unserved.iter().map(Symbol::to_string).collect())
        .push(") ORDER BY COALESCE(backfills.next_at, 0), stocks.id LIMIT 1");
    Ok(DueBackfill::find_by_statement(sql.statement())
        .one(connection)
        .await?)
}

/// Records that the history was filled. It is not requested again before `next_at`.
pub async fn done(
    connection: &impl ConnectionTrait,
    due: &DueBackfill,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<(), Error> {
    let row = ActiveModel {
        stock_id: Set(due.stock_id),
        done_at: Set(Some(now)),
        failures: Set(0),
        next_at: Set(next_at),
    };
    write(
        connection,
        row,
        &[Column::DoneAt, Column::Failures, Column::NextAt],
    )
    .await
}

/// Records a failed request.
pub async fn failed(
    connection: &impl ConnectionTrait,
    due: &DueBackfill,
    next_at: Timestamp,
) -> Result<(), Error> {
    let row = ActiveModel {
        stock_id: Set(due.stock_id),
        done_at: Set(None),
        failures: Set(due.failures.saturating_add(1)),
        next_at: Set(next_at),
    };
    write(connection, row, &[Column::Failures, Column::NextAt]).await
}

async fn write(
    connection: &impl ConnectionTrait,
    row: ActiveModel,
    updates: &[Column],
) -> Result<(), Error> {
    let conflict = OnConflict::column(Column::StockId)
        .update_columns(updates.iter().copied())
        .to_owned();
    Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
