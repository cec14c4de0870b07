//! Reads and writes stocks.
//!
//! A stock is never deleted: it keeps its id and its prices when it is untracked, which only stops
//! its polls.

use entity::{
    Decimal, Event, Price, Stock, Symbol, Timestamp,
    table::stock::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr,
    EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect,
};

use crate::{
    Error,
    feed::FeedTransaction,
    lease::Lease,
    rows::{Row, Rows},
    sql::{Field, Sql, chunks},
};

/// The position of a stock in the list of stocks.
#[derive(Clone, Debug)]
pub struct StockKey(pub Symbol);

/// Returns the stock with this symbol, tracked or not.
pub async fn by_symbol(
    connection: &impl ConnectionTrait,
    symbol: &Symbol,
) -> Result<Option<Stock>, Error> {
    let row = Entity::find()
        .filter(Column::Symbol.eq(symbol.clone()))
        .one(connection)
        .await?;
    Ok(row.map(Into::into))
}

/// Returns all stocks, tracked or not, in unspecified order.
pub async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Stock>, Error> {
    let rows = Entity::find().all(connection).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Returns the ids of all stocks, tracked or not, in unspecified order.
pub async fn ids(connection: &impl ConnectionTrait) -> Result<Vec<i64>, Error> {
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .into_tuple()
        .all(connection)
        .await?)
}

/// Returns the ids of the stocks that no configured provider serves.
pub async fn unserved(connection: &impl ConnectionTrait) -> Result<Vec<i64>, Error> {
    #[derive(FromQueryResult)]
    struct Row {
        stock_id: i64,
    }
    let select = Sql::new(connection, "SELECT stock_id FROM unserved_stocks");
    let rows = Row::find_by_statement(select.statement()).all(connection);
    Ok(rows.await?.into_iter().map(|row| row.stock_id).collect())
}

/// Records which stocks no configured provider serves.
pub async fn set_unserved(lease: &Lease, symbols: &[Symbol]) -> Result<(), Error> {
    let transaction = lease.begin().await?;
    let delete = Sql::new(&transaction, "DELETE FROM unserved_stocks");
    transaction.execute_raw(delete.statement()).await?;
    let text = "INSERT INTO unserved_stocks (stock_id) SELECT id FROM stocks WHERE symbol";
    let insert =
        Sql::new(&transaction, text).eq_any_text(symbols.iter().map(Symbol::to_string).collect());
    transaction.execute_raw(insert.statement()).await?;
    Ok(transaction.commit().await?)
}

/// Returns the rows of the tracked stocks, in unspecified order.
pub async fn tracked_rows(connection: &impl ConnectionTrait) -> Result<Vec<Model>, Error> {
    Ok(Entity::find()
        .filter(Column::Tracked.eq(true))
        .all(connection)
        .await?)
}

/// The last answer of a provider for a stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromQueryResult)]
pub struct LastAnswer {
    /// The id of the stock.
    pub stock_id: i64,
    /// When the answer arrived.
    pub answered_at: Timestamp,
    /// The number of consecutive answers without a price.
    pub unpriced_answers: i32,
}

/// Returns the last answer for each tracked stock that has one, in unspecified order.
pub async fn last_answers(connection: &impl ConnectionTrait) -> Result<Vec<LastAnswer>, Error> {
    let text = "SELECT id AS stock_id, answered_at, unpriced_answers FROM stocks \
                WHERE tracked AND answered_at IS NOT NULL";
    Ok(
        LastAnswer::find_by_statement(Sql::new(connection, text).statement())
            .all(connection)
            .await?,
    )
}

/// Returns the stocks with these ids, in unspecified order.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Stock>, Error> {
    let sql = Sql::new(connection, "SELECT * FROM stocks WHERE id").eq_any(ids);
    Ok(Stock::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// A tracked stock and what its next price is compared with.
#[derive(Clone, Debug)]
pub struct QuotedStock {
    /// The stock.
    pub stock: Stock,
    /// The latest price, if it has one.
    pub latest: Option<Price>,
    /// Whether it has held prices.
    pub is_held: bool,
    /// Whether it has splits.
    pub has_splits: bool,
}

/// Returns the tracked stocks with these symbols, in unspecified order.
pub async fn tracked(
    connection: &impl ConnectionTrait,
    symbols: impl IntoIterator<Item = &Symbol>,
) -> Result<Vec<QuotedStock>, Error> {
    let symbols = symbols.into_iter().map(Symbol::to_string).collect();
    let columns: Vec<&str> = COLUMNS
        .into_iter()
        .chain(Price::COLUMNS.split(", "))
        .collect();
    let rows = Rows::select(connection, &columns, |sql| {
        let quotes = " FROM stocks LEFT JOIN quotes ON quotes.stock_id = stocks.id";
        sql.push(quotes)
            .push(" WHERE tracked AND symbol")
            .eq_any_text(symbols)
    });
    rows.read(connection).await?.iter().map(quoted).collect()
}

/// The columns of a [`QuotedStock`] before those of its price.
const COLUMNS: [&str; 12] = [
    "id",
    "symbol",
    "name",
    "currency",
    "exchange",
    "tracked_at",
    "answered_at",
    "alert_count",
    "unpriced_answers",
    "CASE WHEN EXISTS (SELECT 1 FROM held_prices WHERE held_prices.stock_id = stocks.id) \
     THEN 1 ELSE 0 END",
    "CASE WHEN EXISTS (SELECT 1 FROM splits WHERE splits.stock_id = stocks.id) THEN 1 ELSE 0 END",
    "CASE WHEN market_time_sent THEN 1 ELSE 0 END",
];

fn quoted(row: &Row) -> Result<QuotedStock, Error> {
    let price = |column: usize| COLUMNS.len() + column;
    let micros = |column| -> Result<Option<Timestamp>, Error> {
        Ok(row.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
    };
    let units = |column| -> Result<Option<Decimal>, Error> {
        Ok(row.get::<Option<i64>>(column)?.map(Decimal::from_units))
    };
    let symbol: String = row.get(1)?;
    let stock = Stock {
        id: row.get(0)?,
        symbol: symbol.parse().map_err(|_| DbErr::Type(symbol))?,
        name: row.get(2)?,
        currency: row.get(3)?,
        exchange: row.get(4)?,
        tracked: true,
        tracked_at: Timestamp::from_micros(row.get(5)?),
        answered_at: micros(6)?,
        alert_count: row.get(7)?,
        unpriced_answers: row.get(8)?,
    };
    let stock_id: Option<i64> = row.get(price(0))?;
    let latest = match stock_id {
        Some(stock_id) => Some(Price {
            stock_id,
            symbol: stock.symbol.clone(),
            recorded_at: Timestamp::from_micros(row.get(price(1))?),
            seq: row.get(price(2))?,
            price: Decimal::from_units(row.get(price(3))?),
            previous_close: units(price(4))?,
            open: units(price(5))?,
            high: units(price(6))?,
            low: units(price(7))?,
            volume: row.get(price(8))?,
            trading_day: row.get(price(9))?,
            market_time: Timestamp::from_micros(row.get(price(10))?),
            market_time_sent: row.get::<i32>(11)? != 0,
            provider: row.get(price(12))?,
        }),
        None => None,
    };
    Ok(QuotedStock {
        stock,
        latest,
        is_held: row.get::<i32>(9)? != 0,
        has_splits: row.get::<i32>(10)? != 0,
    })
}

/// The details of a stock, as a provider reports them.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The name of the company.
    pub name: Option<String>,
    /// The ISO 4217 code of its currency.
    pub currency: Option<String>,
    /// The exchange.
    pub exchange: Option<String>,
}

/// Tracks a stock and publishes it, if it is not tracked or has another name. Without `name` it
/// keeps its name.
pub async fn track(
    feed: &mut FeedTransaction,
    symbol: &Symbol,
    name: Option<String>,
) -> Result<Stock, Error> {
    write_tracked(feed, symbol, name, None).await
}

/// Tracks a stock like [`track`], for which a provider answered in this transaction. Its row is
/// written once, with the answer; `details` fill in what is not known.
pub async fn track_answered(
    feed: &mut FeedTransaction,
    symbol: &Symbol,
    name: Option<String>,
    details: Details,
) -> Result<Stock, Error> {
    write_tracked(feed, symbol, name, Some(details)).await
}

async fn write_tracked(
    feed: &mut FeedTransaction,
    symbol: &Symbol,
    name: Option<String>,
    answer: Option<Details>,
) -> Result<Stock, Error> {
    let known = find(feed, symbol).await?;
    let answered_at = answer.is_some().then(|| feed.now());
    let details = answer.unwrap_or_default();
    let row = match known {
        Some(row) if row.tracked && (name.is_none() || name == row.name) => {
            return Ok(row.into());
        }
        Some(row) => {
            let known = row.clone();
            let mut row = row.into_active_model();
            row.name = Set(name.or(known.name).or(details.name));
            row.currency = Set(known.currency.or(details.currency));
            row.exchange = Set(known.exchange.or(details.exchange));
            if answered_at.is_some() {
                row.answered_at = Set(answered_at);
            }
            if !known.tracked {
                row.tracked = Set(true);
                row.tracked_at = Set(feed.recorded_at());
                row.answered_at = Set(answered_at);
                row.requested_at = Set(None);
                row.unpriced_answers = Set(0);
            }
            row.update(feed.connection()).await?
        }
        None => {
            let row = ActiveModel {
                symbol: Set(symbol.clone()),
                name: Set(name.or(details.name)),
                currency: Set(details.currency),
                exchange: Set(details.exchange),
                tracked: Set(true),
                tracked_at: Set(feed.recorded_at()),
                answered_at: Set(answered_at),
                alert_count: Set(0),
                unpriced_answers: Set(0),
                ..Default::default()
            };
            row.insert(feed.connection()).await?
        }
    };
    Ok(publish_row(feed, row))
}

/// Records that a scheduled poll requests these symbols at `now`.
pub async fn set_requested(
    transaction: &DatabaseTransaction,
    symbols: &[Symbol],
    now: Timestamp,
) -> Result<(), Error> {
    let symbols = symbols.iter().map(Symbol::to_string).collect();
    let sql = Sql::new(transaction, "UPDATE stocks SET asked_at = ")
        .bind(now)
        .push(" WHERE symbol")
        .eq_any_text(symbols);
    transaction.execute_raw(sql.statement()).await?;
    Ok(())
}

/// Records, with the commit of a transaction, that a provider answered for these stocks. A price
/// resets the number of answers without one.
pub fn set_answered(feed: &mut FeedTransaction, priced: &[i64], others: &[i64]) {
    for (ids, reset) in [(priced, ", unpriced_answers = 0"), (others, "")] {
        if ids.is_empty() {
            continue;
        }
        let sql = Sql::new(feed.connection(), "UPDATE stocks SET answered_at = ")
            .bind(feed.now())
            .push(reset)
            .push(" WHERE id")
            .eq_any(ids);
        feed.defer(sql);
    }
}

/// Adds one answer without a price to each of these stocks.
pub async fn count_unpriced_answers(
    connection: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    // The bound prevents an overflow in a replay that loops for months.
    let text = "UPDATE stocks SET unpriced_answers = unpriced_answers + 1 \
                WHERE unpriced_answers < 1000000 AND id";
    let sql = Sql::new(connection, text).eq_any(ids);
    connection.execute_raw(sql.statement()).await?;
    Ok(())
}

/// Forgets the answers without a price of all stocks.
pub(crate) async fn reset_unpriced_answers(transaction: &DatabaseTransaction) -> Result<(), Error> {
    let text = "UPDATE stocks SET unpriced_answers = 0 WHERE unpriced_answers <> 0";
    transaction.execute_unprepared(text).await?;
    Ok(())
}

/// Stores the name, currency and exchange of stocks.
pub async fn set_details(connection: &impl ConnectionTrait, stocks: &[Stock]) -> Result<(), Error> {
    let fields = [
        ("id", Field::Integer(|it: &Stock| it.id)),
        ("name", Field::NullableText(|it| it.name.clone())),
        ("currency", Field::NullableText(|it| it.currency.clone())),
        ("exchange", Field::NullableText(|it| it.exchange.clone())),
    ];
    let text = "UPDATE stocks SET name = given.name, currency = given.currency, \
                exchange = given.exchange FROM ";
    for stocks in chunks(connection, stocks) {
        let sql = Sql::new(connection, text)
            .given(stocks.iter(), &fields)
            .push(" WHERE stocks.id = given.id");
        connection.execute_raw(sql.statement()).await?;
    }
    Ok(())
}

/// Untracks a stock. Returns `None` if it was never tracked.
pub async fn untrack(feed: &mut FeedTransaction, symbol: &Symbol) -> Result<Option<Stock>, Error> {
    match find(feed, symbol).await? {
        Some(row) if row.tracked => {
            let mut row = row.into_active_model();
            row.tracked = Set(false);
            let row = row.update(feed.connection()).await?;
            Ok(Some(publish_row(feed, row)))
        }
        known => Ok(known.map(Into::into)),
    }
}

/// Appends a stock, as it is stored, to the feed.
pub async fn publish(feed: &mut FeedTransaction, stock_id: i64) -> Result<(), Error> {
    let row = Entity::find_by_id(stock_id).one(feed.connection()).await?;
    if let Some(row) = row {
        publish_row(feed, row);
    }
    Ok(())
}

async fn find(feed: &FeedTransaction, symbol: &Symbol) -> Result<Option<Model>, Error> {
    Ok(Entity::find()
        .filter(Column::Symbol.eq(symbol.clone()))
        .one(feed.connection())
        .await?)
}

fn publish_row(feed: &mut FeedTransaction, row: Model) -> Stock {
    let stock = Stock::from(row);
    let seq = feed.next_seq();
    feed.push(Event::StockChanged {
        seq,
        stock: stock.clone(),
    });
    stock
}
