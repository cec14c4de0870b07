//! Which stocks are tracked.
//!
//! One invariant: a stock keeps its row, its id and its past for ever; tracking only says whether it is polled.

use entity::{
    Event, Stock, Symbol,
    table::stock::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait,
    FromQueryResult, IntoActiveModel, QueryFilter, Value,
};

use crate::{
    feed::FeedTransaction,
    page::{self, Key, Order, Page, Span},
    sql::Sql,
};

/// A stock's place in the list of them.
#[derive(Clone, Debug)]
pub struct StockKey(pub Symbol);

impl Key for StockKey {
    const COLUMNS: &'static [&'static str] = &["symbol"];

    fn values(&self) -> Vec<Value> {
        vec![self.0.clone().into()]
    }
}

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

/// A page of the tracked stocks, by symbol; with `search`, of those whose symbol or name has it, in any case.
pub async fn page(
    connection: &impl ConnectionTrait,
    search: Option<&str>,
    span: &Span<StockKey>,
) -> Result<Page<Stock>, DbErr> {
    let select = searched(
        Sql::new(connection, "SELECT * FROM stocks WHERE tracked"),
        search,
    );
    page::read(connection, &select, Order::Ascending, span).await
}

/// How many stocks [`page()`]'s list has.
pub async fn count(connection: &impl ConnectionTrait, search: Option<&str>) -> Result<i64, DbErr> {
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let counted = "SELECT COUNT(*) AS count FROM stocks WHERE tracked";
    let sql = searched(Sql::new(connection, counted), search);
    let count = Count::find_by_statement(sql.statement())
        .one(connection)
        .await?;
    Ok(count.map_or(0, |row| row.count))
}

fn searched(sql: Sql, search: Option<&str>) -> Sql {
    let Some(search) = search else { return sql };
    let mut pattern = String::from("%");
    for character in search.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    sql.push(" AND (LOWER(symbol) LIKE ")
        .bind(pattern.clone())
        .push(" ESCAPE '\\' OR LOWER(name) LIKE ")
        .bind(pattern)
        .push(" ESCAPE '\\')")
}

/// Tracks a stock, from now on if it was not. `name` names one that has no name yet.
pub async fn track(
    feed: &mut FeedTransaction,
    symbol: &Symbol,
    name: Option<String>,
) -> Result<Stock, DbErr> {
    let known = find(feed, symbol).await?;
    let row = match known {
        Some(row) if row.tracked && (row.name.is_some() || name.is_none()) => {
            return Ok(row.into());
        }
        Some(row) => {
            let tracked = row.tracked;
            let name = row.name.clone().or(name);
            let mut row = row.into_active_model();
            row.name = Set(name);
            if !tracked {
                row.tracked = Set(true);
                row.tracked_at = Set(feed.recorded_at());
                row.answered_at = Set(None);
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
