//! Creates `followed_stocks`, the stocks that subscribers of `api` follow, and `stream_holders`,
//! which records whether the last tracker with streams closed them.

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
                    .table("followed_stocks")
                    .col(big_integer("stock_id").primary_key())
                    .col(big_integer("followed_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("followed_stocks", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("stream_holders")
                    .col(integer("id").primary_key())
                    .col(boolean("open"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("stream_holders").take())
            .await?;
        manager
            .drop_table(Table::drop().table("followed_stocks").take())
            .await
    }
}
