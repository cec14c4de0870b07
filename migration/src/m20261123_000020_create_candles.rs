//! Creates `candles`: prices aggregated by time interval.
//!
//! The candles of a stock and interval are one range of the key. On SQLite the table is clustered
//! by the key. On PostgreSQL each interval is a partition, so that the few daily candles are not
//! scattered among those of minutes, with free space in its pages for updates of the current
//! candle. The tracker fills the table at startup from the existing prices.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: &str = "minutes integer NOT NULL, \
    stock_id bigint NOT NULL REFERENCES stocks (id), \
    start bigint NOT NULL, \
    opened_at bigint, \
    closed_at bigint NOT NULL, \
    open bigint NOT NULL, \
    high bigint NOT NULL, \
    low bigint NOT NULL, \
    close bigint NOT NULL, \
    volume bigint, \
    count integer NOT NULL, \
    PRIMARY KEY (minutes, stock_id, start)";

/// The partitions: name and interval in minutes.
const INTERVALS: [(&str, i32); 5] = [
    ("candles_one_minute", 1),
    ("candles_five_minutes", 5),
    ("candles_fifteen_minutes", 15),
    ("candles_one_hour", 60),
    ("candles_one_day", 1440),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            let table = format!("CREATE TABLE candles ({COLUMNS}) WITHOUT ROWID");
            connection.execute_unprepared(&table).await?;
            return Ok(());
        }
        let table = format!("CREATE TABLE candles ({COLUMNS}) PARTITION BY LIST (minutes)");
        connection.execute_unprepared(&table).await?;
        for (name, minutes) in INTERVALS {
            let partition = format!(
                "CREATE TABLE {name} PARTITION OF candles FOR VALUES IN ({minutes}) \
                 WITH (fillfactor = 90)"
            );
            connection.execute_unprepared(&partition).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("candles").take())
            .await
    }
}
