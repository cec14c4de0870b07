//! Adds `stocks.asked_at`, the time of the last scheduled request for a stock, and
//! `providers.day_retries`, the number of retries among the requests of the provider's day.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("stocks")
                    .add_column(big_integer_null("asked_at"))
                    .take(),
            )
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("providers")
                    .add_column(integer("day_retries").default(0))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("providers")
                    .drop_column("day_retries")
                    .take(),
            )
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("stocks")
                    .drop_column("asked_at")
                    .take(),
            )
            .await
    }
}
