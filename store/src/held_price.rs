//! Reads and writes held prices: prices that are stored and published, but not yet evaluated by
//! alert rules.
//!
//! A row is inserted in the transaction of its price and deleted in the transaction of the alerts
//! that the price fires, so a restarted tracker, or another one, continues with the same prices.

use entity::{
    Decimal, Symbol, Timestamp,
    table::held_price::{Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
};

use crate::{
    Error,
    sql::{Field, Sql, chunks},
};

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

/// Stores held prices.
pub async fn add(connection: &impl ConnectionTrait, prices: &[Model]) -> Result<(), Error> {
    const FIELDS: [(&str, Field<Model>); 12] = [
        ("stock_id", Field::Integer(|it| it.stock_id)),
        ("seq", Field::Integer(|it| it.seq)),
        ("recorded_at", Field::Integer(|it| it.recorded_at.micros())),
        ("trading_day", Field::Day(|it| it.trading_day)),
        ("price", Field::Integer(|it| it.price.units())),
        (
            "open",
            Field::NullableInteger(|it| it.open.map(Decimal::units)),
        ),
        (
            "previous_close",
            Field::NullableInteger(|it| it.previous_close.map(Decimal::units)),
        ),
        ("exact_price", Field::Text(|it| it.exact_price.clone())),
        (
            "exact_previous_close",
            Field::NullableText(|it| it.exact_previous_close.clone()),
        ),
        (
            "close",
            Field::NullableInteger(|it| it.close.map(Decimal::units)),
        ),
        ("close_day", Field::NullableDay(|it| it.close_day)),
        ("held_until", Field::Integer(|it| it.held_until.micros())),
    ];
    let columns = FIELDS.map(|(name, _)| name).join(", ");
    let text = format!("INSERT INTO held_prices ({columns}) SELECT {columns} FROM ");
    for prices in chunks(connection, prices) {
        let sql = Sql::new(connection, &text).given(prices.iter(), &FIELDS);
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}

/// Returns the first held price of each of `stocks` that has some, in unspecified order.
pub async fn first_of(
    connection: &impl ConnectionTrait,
    stocks: &[i64],
) -> Result<Vec<Model>, Error> {
    let text = "SELECT * FROM held_prices AS held WHERE seq = \
                (SELECT MIN(seq) FROM held_prices WHERE stock_id = held.stock_id) AND stock_id";
    let sql = Sql::new(connection, text).eq_any(stocks);
    Ok(Model::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Deletes the held prices of a stock.
pub async fn delete(connection: &impl ConnectionTrait, stock_id: i64) -> Result<(), Error> {
    Entity::delete_many()
        .filter(Column::StockId.eq(stock_id))
        .exec(connection)
        .await?;
    Ok(())
}
