//! Which stocks are tracked.
//!
//! One invariant: a stock keeps its row, its id and its past for ever; tracking only says whether it is polled.

use entity::{
    Event, Stock, Symbol, Timestamp,
    table::stock::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
};

use crate::{feed::FeedTransaction, sql::Sql};

/// A stock's place in the list of them.
#[derive(Clone, Debug)]
pub struct StockKey(pub Symbol);

/// One stock, tracked or not.
pub async fn by_symbol(
    connection: &impl ConnectionTrait,
    symbol: &Symbol,
) -> Result<Option<Stock>, DbErr> {
    let row = Entity::find()
        .filter(Column::Symbol.eq(symbol.clone()))
        .one(connection)
        .await?;
    Ok(row.map(Into::into))
}

/// All stocks, tracked or not, in no order.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Stock>, DbErr> {
    let rows = Entity::find().all(connection).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The stocks with these ids, in no order.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Stock>, DbErr> {
    let sql = Sql::new(connection, "SELECT * FROM stocks WHERE id").eq_any(ids);
    Stock::find_by_statement(sql.statement())
        .all(connection)
        .await
}

/// The tracked ones among these symbols, in no order.
pub async fn tracked(
    connection: &impl ConnectionTrait,
    symbols: impl IntoIterator<Item = &Symbol>,
) -> Result<Vec<Stock>, DbErr> {
    let symbols = symbols.into_iter().map(Symbol::to_string).collect();
    let text = "SELECT * FROM stocks WHERE tracked AND symbol";
    let sql = Sql::new(connection, text).eq_any_text(symbols);
    Stock::find_by_statement(sql.statement())
        .all(connection)
        .await
}

/// Tracks a stock, from now on if it was not. With `name` it is renamed, else it keeps the name it has.
pub async fn track(
    feed: &mut FeedTransaction,
    symbol: &Symbol,
    name: Option<String>,
) -> Result<Stock, DbErr> {
    let known = find(feed, symbol).await?;
    let row = match known {
        Some(row) if row.tracked && (name.is_none() || name == row.name) => {
            return Ok(row.into());
        }
        Some(row) => {
            let tracked = row.tracked;
            let mut row = row.into_active_model();
            if name.is_some() {
                row.name = Set(name);
            }
            if !tracked {
                row.tracked = Set(true);
                row.tracked_at = Set(feed.recorded_at());
                row.answered_at = Set(None);
                row.asked_at = Set(None);
                row.unpriced_answers = Set(0);
            }
            row.update(feed.connection()).await?
        }
        None => {
            let row = ActiveModel {
                symbol: Set(symbol.clone()),
                name: Set(name),
                tracked: Set(true),
                tracked_at: Set(feed.recorded_at()),
                alert_count: Set(0),
                unpriced_answers: Set(0),
                ..Default::default()
            };
            row.insert(feed.connection()).await?
        }
    };
    Ok(tell(feed, row))
}

/// Notes that the plan asks a provider for these symbols at `now`.
pub async fn asked(
    transaction: &DatabaseTransaction,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<(), DbErr> {
    let symbols = symbols.iter().map(Symbol::to_string).collect();
    let sql = Sql::new(transaction, "UPDATE stocks SET asked_at = ")
        .bind(now)
        .push(" WHERE symbol")
        .eq_any_text(symbols);
    transaction.execute_raw(sql.statement()).await?;
    Ok(())
}

/// Begins to count answers without a price anew, for all stocks.
pub async fn revive(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let text = "UPDATE stocks SET unpriced_answers = 0 WHERE unpriced_answers <> 0";
    transaction.execute_unprepared(text).await?;
    Ok(())
}

/// Stops tracking a stock. `None` for one that never was.
pub async fn untrack(feed: &mut FeedTransaction, symbol: &Symbol) -> Result<Option<Stock>, DbErr> {
    match find(feed, symbol).await? {
        Some(row) if row.tracked => {
            let mut row = row.into_active_model();
            row.tracked = Set(false);
            let row = row.update(feed.connection()).await?;
            Ok(Some(tell(feed, row)))
        }
        known => Ok(known.map(Into::into)),
    }
}

/// Publishes a stock as it is stored.
pub async fn publish(feed: &mut FeedTransaction, stock_id: i64) -> Result<(), DbErr> {
    let row = Entity::find_by_id(stock_id).one(feed.connection()).await?;
    if let Some(row) = row {
        tell(feed, row);
    }
    Ok(())
}

async fn find(feed: &FeedTransaction, symbol: &Symbol) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::Symbol.eq(symbol.clone()))
        .one(feed.connection())
        .await
}

fn tell(feed: &mut FeedTransaction, row: Model) -> Stock {
    let stock = Stock::from(row);
    let seq = feed.next_seq();
    feed.push(Event::StockChanged {
        seq,
        stock: stock.clone(),
    });
    stock
}
