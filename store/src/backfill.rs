//! Whose daily history is still to be asked for.
//!
//! One invariant: what was asked for is written down, so that neither a restart nor another tracker asks for it again.

use entity::{
    Symbol, Timestamp,
    table::backfill::{ActiveModel, Column, Entity},
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, sea_query::OnConflict,
};

use crate::sql::Sql;

/// A stock whose history is to be asked for.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Due {
    /// The stock's row.
    pub stock_id: i64,
    /// Its ticker.
    pub symbol: Symbol,
    /// How often it was asked for in vain.
    pub failures: i32,
}

/// The first tracked stock with a price whose history nobody has filled in since it is tracked.
pub async fn next(connection: &impl ConnectionTrait, now: Timestamp) -> Result<Option<Due>, DbErr> {
    let text = "SELECT stocks.id AS stock_id, stocks.symbol, \
                COALESCE(backfills.failures, 0) AS failures FROM stocks \
                JOIN quotes ON quotes.stock_id = stocks.id \
                LEFT JOIN backfills ON backfills.stock_id = stocks.id WHERE stocks.tracked \
                AND (backfills.done_at IS NULL OR backfills.done_at < stocks.tracked_at) \
                AND (backfills.next_at IS NULL OR backfills.next_at <= ";
    let sql = Sql::new(connection, text)
        .bind(now)
        .push(") ORDER BY COALESCE(backfills.next_at, 0), stocks.id LIMIT 1");
    Due::find_by_statement(sql.statement())
        .one(connection)
        .await
}

/// It is filled in, and need not be again before `next_at`, whatever happens to the stock.
pub async fn done(
    connection: &impl ConnectionTrait,
    due: &Due,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<(), DbErr> {
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

/// It was asked for in vain.
pub async fn failed(
    connection: &impl ConnectionTrait,
    due: &Due,
    next_at: Timestamp,
) -> Result<(), DbErr> {
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
) -> Result<(), DbErr> {
    let conflict = OnConflict::column(Column::StockId)
        .update_columns(updates.iter().copied())
        .to_owned();
    Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
