//! Creates `quotes`: the latest price of each stock.

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
                    .table("quotes")
                    .col(big_integer("stock_id").primary_key())
                    .col(big_integer("recorded_at"))
                    .col(big_integer("seq"))
                    .col(big_integer("price"))
                    .col(big_integer_null("previous_close"))
                    .col(big_integer_null("open"))
                    .col(big_integer_null("high"))
                    .col(big_integer_null("low"))
                    .col(big_integer_null("volume"))
                    .col(date("trading_day"))
                    .col(big_integer("market_time"))
                    .col(boolean("market_time_sent"))
                    .col(text("provider"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("quotes", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("quotes").take())
            .await
    }
}
