//! Creates `stocks`: every stock that is or was tracked. Timestamps are microseconds since 1970 in
//! all tables.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("stocks")
                    .col(big_pk_auto("id"))
                    .col(text_uniq("symbol"))
                    .col(text_null("name"))
                    .col(text_null("currency"))
                    .col(text_null("exchange"))
                    .col(boolean("tracked"))
                    .col(big_integer("tracked_at"))
                    .col(big_integer_null("answered_at"))
                    .col(big_integer("alert_count").default(0))
                    .take(),
            )
            .await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Symbols sort by bytes, as on SQLite, independent of the cluster's locale.
            let collate = r#"ALTER TABLE stocks ALTER COLUMN symbol TYPE text COLLATE "C""#;
            manager.get_connection().execute_unprepared(collate).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("stocks").take())
            .await
    }
}
