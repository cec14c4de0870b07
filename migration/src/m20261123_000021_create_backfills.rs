//! Creates `backfills`: the stocks whose daily history was requested, so that it is requested once.

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
                    .table("backfills")
                    .col(big_integer("stock_id").primary_key())
                    .col(big_integer_null("done_at"))
                    .col(integer("failures"))
                    .col(big_integer("next_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("backfills", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("backfills").take())
            .await
    }
}
