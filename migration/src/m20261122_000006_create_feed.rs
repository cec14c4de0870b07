//! Creates `feed_head`, the epoch and end of the feed, and `feed`, one row per transaction.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("feed_head")
                    .col(integer("id").primary_key())
                    .col(big_integer("epoch"))
                    .col(big_integer("seq"))
                    .col(big_integer("recorded_at"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("feed")
                    .col(big_integer("seq").primary_key())
                    .col(big_integer("recorded_at"))
                    .col(text("events"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("feed").take())
            .await?;
        manager
            .drop_table(Table::drop().table("feed_head").take())
            .await
    }
}
