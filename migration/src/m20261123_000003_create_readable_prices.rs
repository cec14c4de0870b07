//! Creates `readable_prices`: a view of all prices as decimals and timestamps, for psql, Grafana
//! and sqlite3. The programs read `stock_prices`.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A decimal column.
fn decimal(backend: DbBackend, column: &str) -> String {
    if backend == DbBackend::Postgres {
        format!("trim_scale(p.{column} * 0.00000001) AS {column}")
    } else {
        format!("p.{column} / 1e8 AS {column}")
    }
}

/// A timestamp column, with microsecond precision.
fn instant(backend: DbBackend, column: &str) -> String {
    if backend == DbBackend::Postgres {
        format!("timestamptz 'epoch' + p.{column} * interval '1 microsecond' AS {column}")
    } else {
        format!(
            "strftime('%Y-%m-%dT%H:%M:%S', p.{column} / 1000000, 'unixepoch') \
             || printf('.%06dZ', p.{column} % 1000000) AS {column}"
        )
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        let decimals = ["price", "previous_close", "open", "high", "low"];
        let decimals = decimals.map(|column| decimal(backend, column)).join(", ");
        let (market_time, recorded_at) = (
            instant(backend, "market_time"),
            instant(backend, "recorded_at"),
        );
        // `recorded_micros` is the indexed column, so range queries should use it.
        let view = format!(
            "CREATE VIEW readable_prices AS \
             SELECT s.symbol, {decimals}, p.volume, p.trading_day, {market_time}, {recorded_at}, \
             p.provider, p.seq, p.recorded_at AS recorded_micros \
             FROM stock_prices AS p JOIN stocks AS s ON s.id = p.stock_id"
        );
        manager.get_connection().execute_unprepared(&view).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let view = "DROP VIEW readable_prices";
        manager.get_connection().execute_unprepared(view).await?;
        Ok(())
    }
}
