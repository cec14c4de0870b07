//! The other side: one transaction with an insert per table, on one connection.

use entity::{Candle, Decimal, Price, Timestamp};
use sea_orm::sqlx::{
    self, AssertSqlSafe, Connection, PgConnection, Postgres, Sqlite, SqliteConnection,
    pool::PoolConnection,
};
use testkit::TestDatabase;

use super::{STOCKS, shared, world::Rows};

/// The number of rows per statement on SQLite, where it has a parameter for each value.
const CHUNK: usize = 100;
const CANDLES: &str =
    "minutes, stock_id, start, opened_at, closed_at, open, high, low, close, volume, count";

pub(super) struct Bare {
    /// Keeps the database.
    _database: TestDatabase,
    connection: Open,
}

enum Open {
    Postgres(PoolConnection<Postgres>),
    Sqlite(PoolConnection<Sqlite>),
}

impl Bare {
    pub(super) async fn new(database: TestDatabase) -> Self {
        shared::seeded(&database, STOCKS).await;
        let connection = if let Some(pool) = database.postgres_pool() {
            let months = "CREATE TABLE rows_of_all_months PARTITION OF stock_prices DEFAULT";
            database.execute(months).await.expect("a partition");
            Open::Postgres(pool.acquire().await.expect("a connection"))
        } else {
            // The default of SQLite, which runs checkpoints within commits.
            let checkpoints = "PRAGMA wal_autocheckpoint = 1000";
            database.execute(checkpoints).await.expect("the default");
            let pool = database.write().get_sqlite_connection_pool();
            Open::Sqlite(pool.acquire().await.expect("a connection"))
        };
        Self {
            _database: database,
            connection,
        }
    }

    /// Inserts what the tracker has written of a batch.
    pub(super) async fn insert(&mut self, rows: &Rows) {
        let inserted = match &mut self.connection {
            Open::Postgres(connection) => postgres(connection, rows).await,
            Open::Sqlite(connection) => sqlite(connection, rows).await,
        };
        inserted.expect("insert the rows");
    }
}

/// The newest price of each stock.
fn newest(prices: &[Price]) -> Vec<&Price> {
    let is_newest = |price: &&Price| {
        let later = |other: &Price| other.stock_id == price.stock_id && other.seq > price.seq;
        !prices.iter().any(later)
    };
    prices.iter().filter(is_newest).collect()
}

fn on_conflict(columns: &str, key: &str) -> String {
    let updates: Vec<String> = columns
        .split(", ")
        .filter(|column| !key.split(", ").any(|of_key| of_key == *column))
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(" ON CONFLICT ({key}) DO UPDATE SET {}", updates.join(", "))
}

async fn postgres(connection: &mut PgConnection, rows: &Rows) -> Result<(), sqlx::Error> {
    let columns = Price::COLUMNS;
    let mut transaction = connection.begin().await?;
    let insert = |table: &str, more: &str, selected: &str| {
        let arrays: Vec<String> = (1..=13).map(|at| format!("${at}")).collect();
        format!(
            "INSERT INTO {table} ({columns}{more}) SELECT *{selected} FROM unnest({}) AS given ({columns})",
            arrays.join(", ")
        )
    };
    let prices: Vec<&Price> = rows.prices.iter().collect();
    let quotes =
        insert("quotes", ", begins_at", ", recorded_at") + &on_conflict(columns, "stock_id");
    for (text, prices) in [
        (insert("stock_prices", "", ""), prices),
        (quotes, newest(&rows.prices)),
    ] {
        let numbers =
            |of: fn(&Price) -> i64| -> Vec<i64> { prices.iter().map(|it| of(it)).collect() };
        let units = |of: fn(&Price) -> Option<Decimal>| -> Vec<Option<i64>> {
            prices.iter().map(|it| of(it).map(Decimal::units)).collect()
        };
        let providers: Vec<&str> = prices.iter().map(|it| it.provider.as_str()).collect();
        let days: Vec<_> = prices.iter().map(|it| it.trading_day).collect();
        let sent: Vec<bool> = prices.iter().map(|it| it.market_time_sent).collect();
        let volumes: Vec<Option<i64>> = prices.iter().map(|it| it.volume).collect();
        sqlx::query(AssertSqlSafe(text))
            .bind(numbers(|it| it.stock_id))
            .bind(numbers(|it| it.recorded_at.micros()))
            .bind(numbers(|it| it.seq))
            .bind(numbers(|it| it.price.units()))
            .bind(units(|it| it.previous_close))
            .bind(units(|it| it.open))
            .bind(units(|it| it.high))
            .bind(units(|it| it.low))
            .bind(volumes)
            .bind(days)
            .bind(numbers(|it| it.market_time.micros()))
            .bind(sent)
            .bind(providers)
            .execute(&mut *transaction)
            .await?;
    }
    let numbers = |of: fn(&Candle) -> i64| -> Vec<i64> { rows.candles.iter().map(of).collect() };
    let opened: Vec<Option<i64>> = rows
        .candles
        .iter()
        .map(|it| it.opened_at.map(Timestamp::micros))
        .collect();
    let volumes: Vec<Option<i64>> = rows.candles.iter().map(|it| it.volume).collect();
    let text = format!(
        "INSERT INTO candles ({CANDLES}) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ) + &on_conflict(CANDLES, "minutes, stock_id, start");
    let minutes: Vec<i32> = rows
        .candles
        .iter()
        .map(|it| it.interval.minutes())
        .collect();
    let counts: Vec<i32> = rows.candles.iter().map(|it| it.count).collect();
    sqlx::query(AssertSqlSafe(text))
        .bind(minutes)
        .bind(numbers(|it| it.stock_id))
        .bind(numbers(|it| it.start.micros()))
        .bind(opened)
        .bind(numbers(|it| it.closed_at.micros()))
        .bind(numbers(|it| it.open.units()))
        .bind(numbers(|it| it.high.units()))
        .bind(numbers(|it| it.low.units()))
        .bind(numbers(|it| it.close.units()))
        .bind(volumes)
        .bind(counts)
        .execute(&mut *transaction)
        .await?;
    let feed = &rows.feed;
    sqlx::query("INSERT INTO feed (seq, after_seq, recorded_at, events) VALUES ($1, $2, $3, $4)")
        .bind(feed.seq)
        .bind(feed.after_seq)
        .bind(feed.recorded_at.micros())
        .bind(&feed.events)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

async fn sqlite(connection: &mut SqliteConnection, rows: &Rows) -> Result<(), sqlx::Error> {
    let columns = Price::COLUMNS;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let values = |count: usize, row: &str| vec![row; count].join(", ");
    let prices: Vec<&Price> = rows.prices.iter().collect();
    let quotes = newest(&rows.prices);
    for (table, more, row, end, prices) in [
        (
            "stock_prices",
            "",
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            String::new(),
            prices,
        ),
        (
            "quotes",
            ", begins_at",
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            on_conflict(columns, "stock_id"),
            quotes,
        ),
    ] {
        for chunk in prices.chunks(CHUNK) {
            let values = values(chunk.len(), row);
            let text = format!("INSERT INTO {table} ({columns}{more}) VALUES {values}{end}");
            let mut query = sqlx::query(AssertSqlSafe(text));
            for price in chunk {
                let units = |decimal: Option<Decimal>| decimal.map(Decimal::units);
                query = query
                    .bind(price.stock_id)
                    .bind(price.recorded_at.micros())
                    .bind(price.seq)
                    .bind(price.price.units())
                    .bind(units(price.previous_close))
                    .bind(units(price.open))
                    .bind(units(price.high))
                    .bind(units(price.low))
                    .bind(price.volume)
                    .bind(price.trading_day)
                    .bind(price.market_time.micros())
                    .bind(price.market_time_sent)
                    .bind(price.provider.as_str());
                if !more.is_empty() {
                    query = query.bind(price.recorded_at.micros());
                }
            }
            query.execute(&mut *transaction).await?;
        }
    }
    for chunk in rows.candles.chunks(CHUNK) {
        let values = values(chunk.len(), "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let end = on_conflict(CANDLES, "minutes, stock_id, start");
        let text = format!("INSERT INTO candles ({CANDLES}) VALUES {values}{end}");
        let mut query = sqlx::query(AssertSqlSafe(text));
        for candle in chunk {
            query = query
                .bind(candle.interval.minutes())
                .bind(candle.stock_id)
                .bind(candle.start.micros())
                .bind(candle.opened_at.map(Timestamp::micros))
                .bind(candle.closed_at.micros())
                .bind(candle.open.units())
                .bind(candle.high.units())
                .bind(candle.low.units())
                .bind(candle.close.units())
                .bind(candle.volume)
                .bind(candle.count);
        }
        query.execute(&mut *transaction).await?;
    }
    let feed = &rows.feed;
    sqlx::query("INSERT INTO feed (seq, after_seq, recorded_at, events) VALUES (?, ?, ?, ?)")
        .bind(feed.seq)
        .bind(feed.after_seq)
        .bind(feed.recorded_at.micros())
        .bind(&feed.events)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
