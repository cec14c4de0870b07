//! Creates `stock_prices`: every price. Prices are integers in units of 1e-8 in all tables.

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
                    .table("stock_prices")
                    .col(big_integer("stock_id"))
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
                    .primary_key(
                        Index::create()
                            .col("stock_id")
                            .col("recorded_at")
                            .col("seq"),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("stock_prices", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("stock_prices_recorded_at_seq")
                    .table("stock_prices")
                    .col("recorded_at")
                    .col("seq")
                    .unique()
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("stock_prices").take())
            .await
    }
}
