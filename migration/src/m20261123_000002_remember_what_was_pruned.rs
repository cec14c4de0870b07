//! Records what retention deleted, so that deleted rows are not mistaken for rows that never
//! existed: `quotes` stores where a stock's remaining prices begin and the last deleted one,
//! `feed_head` stores the last deleted price of all stocks, and each row of `feed` stores its
//! predecessor.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The columns added to each table, with their values for existing rows.
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
            // Leaves free space on each page for HOT updates: every poll updates one row of each
            // table.
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
