//! Creates `unserved_stocks`, the tracked stocks that no configured provider serves.

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
                    .table("unserved_stocks")
                    .col(big_integer("stock_id").primary_key())
                    .foreign_key(
                        ForeignKey::create()
                            .from("unserved_stocks", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("unserved_stocks").take())
            .await
    }
}
