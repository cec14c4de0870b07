//! What retention leaves behind, so that nobody mistakes what was pruned for what never was: `quotes` says how far back a
//! stock's prices reach and which was the last to go, `feed_head` the same of all stocks, and a row of `feed` which row
//! came before it.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Each table with the columns that it gets, and what they say of the rows that are there.
const COLUMNS: [(&str, &str, &str); 4] = [
    (
        "quotes",
        "begins_at",
        "COALESCE((SELECT MIN(recorded_at) FROM stock_prices WHERE stock_id = quotes.stock_id), recorded_at)",
    ),
    ("quotes", "pruned_seq", "0"),
    ("feed_head", "pruned_seq", "0"),
    (
        "feed",
        "after_seq",
        "COALESCE((SELECT MAX(seq) FROM feed AS before WHERE before.seq < feed.seq), 0)",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for (table, column, value) in COLUMNS {
            manager
                .alter_table(
                    Table::alter()
                        .table(table)
                        .add_column(big_integer(column).default(0))
                        .take(),
                )
                .await?;
            if value != "0" {
                let fill = format!("UPDATE {table} SET {column} = {value}");
                connection.execute_unprepared(&fill).await?;
            }
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            // Room on each page for the next version of its rows: every poll writes one of each.
            let room = "ALTER TABLE quotes SET (fillfactor = 70)";
            connection.execute_unprepared(room).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column, _) in COLUMNS {
            manager
                .alter_table(Table::alter().table(table).drop_column(column).take())
                .await?;
        }
        if manager.get_database_backend() == DbBackend::Postgres {
            let full = "ALTER TABLE quotes RESET (fillfactor)";
            manager.get_connection().execute_unprepared(full).await?;
        }
        Ok(())
    }
}
