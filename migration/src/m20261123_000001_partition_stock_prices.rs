//! Partitions `stock_prices` by month of `recorded_at` on PostgreSQL, so that a read visits only
//! the months it needs and an old month is dropped as a whole. Writers create the partitions ahead.
//! SQLite keeps its single table.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Creates an empty table for each month that has rows. Months are in UTC.
const MONTHS: &str = "
DO $$
DECLARE
    from_day date;
    to_day date;
BEGIN
    FOR from_day IN
        SELECT DISTINCT date_trunc('month', timestamp 'epoch' + recorded_at * interval '1 microsecond')::date
        FROM stock_prices
    LOOP
        to_day := from_day + interval '1 month';
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF partitioned_prices FOR VALUES FROM (%s) TO (%s)',
            'stock_prices_' || to_char(from_day, 'YYYY_MM'),
            extract(epoch FROM from_day)::bigint * 1000000,
            extract(epoch FROM to_day)::bigint * 1000000
        );
    END LOOP;
END $$";

/// Moves every row to `to`, which then replaces `stock_prices`, including its keys.
async fn replace(manager: &SchemaManager<'_>, to: &str) -> Result<(), DbErr> {
    let columns = "stock_id, recorded_at, seq, price, previous_close, open, high, low, volume, \
                   trading_day, market_time, market_time_sent, provider";
    for sql in [
        format!("INSERT INTO {to} ({columns}) SELECT {columns} FROM stock_prices"),
        "DROP TABLE stock_prices".to_owned(),
        format!("ALTER TABLE {to} RENAME TO stock_prices"),
        "ALTER TABLE stock_prices ADD CONSTRAINT stock_prices_pkey PRIMARY KEY (stock_id, recorded_at, seq)"
            .to_owned(),
        "CREATE UNIQUE INDEX stock_prices_recorded_at_seq ON stock_prices (recorded_at, seq)".to_owned(),
        "ALTER TABLE stock_prices ADD CONSTRAINT stock_prices_stock_id_fkey \
         FOREIGN KEY (stock_id) REFERENCES stocks (id)"
            .to_owned(),
    ] {
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let partitioned =
            "CREATE TABLE partitioned_prices (LIKE stock_prices) PARTITION BY RANGE (recorded_at)";
        let connection = manager.get_connection();
        connection.execute_unprepared(partitioned).await?;
        connection.execute_unprepared(MONTHS).await?;
        replace(manager, "partitioned_prices").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let whole = "CREATE TABLE whole_prices (LIKE stock_prices)";
        manager.get_connection().execute_unprepared(whole).await?;
        replace(manager, "whole_prices").await
    }
}
