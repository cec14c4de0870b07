//! Reads and writes held prices: prices that are stored and published, but not yet evaluated by
//! alert rules.
//!
//! A row is inserted in the transaction of its price and deleted in the transaction of the alerts
//! that the price fires, so a restarted tracker, or another one, continues with the same prices.

use entity::{
    Symbol, Timestamp,
    table::held_price::{Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder,
};

use crate::{Error, sql::Sql};

/// A stock with held prices.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct HeldStock {
    /// The id of the stock.
    pub stock_id: i64,
    /// The symbol of the stock.
    pub symbol: Symbol,
    /// The earliest deadline of its held prices. The tracker evaluates all of them at this time,
    /// even if the splits of the stock are still unknown.
    pub held_until: Timestamp,
}

/// Returns the stocks with held prices, ordered by id.
pub async fn stocks(connection: &impl ConnectionTrait) -> Result<Vec<HeldStock>, Error> {
    let text = "SELECT stock_id, stocks.symbol, MIN(held_until) AS held_until FROM held_prices \
                JOIN stocks ON stocks.id = stock_id GROUP BY stock_id, stocks.symbol ORDER BY stock_id";
    Ok(
        HeldStock::find_by_statement(Sql::new(connection, text).statement())
            .all(connection)
            .await?,
    )
}

/// Returns the held prices of a stock, in feed order.
pub async fn by_stock(
    connection: &impl ConnectionTrait,
    stock_id: i64,
) -> Result<Vec<Model>, Error> {
    Ok(Entity::find()
        .filter(Column::StockId.eq(stock_id))
        .order_by_asc(Column::Seq)
        .all(connection)
        .await?)
}

/// Stores a held price.
pub async fn add(connection: &impl ConnectionTrait, price: Model) -> Result<(), Error> {
    Entity::insert(price.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Deletes the held prices of a stock.
pub async fn delete(connection: &impl ConnectionTrait, stock_id: i64) -> Result<(), Error> {
    Entity::delete_many()
        .filter(Column::StockId.eq(stock_id))
        .exec(connection)
        .await?;
    Ok(())
}
