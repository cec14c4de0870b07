//! Creates `splits`, `split_checks` (when the splits of a stock were last requested), and
//! `held_prices` (prices whose alerts wait for those splits), and adds `alerts.fired_at`, the time
//! at which such an alert fired.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A foreign key to the stock.
fn to_stock(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "stock_id")
        .to("stocks", "id")
        .take()
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("splits")
                    .col(big_integer("stock_id"))
                    .col(date("effective_on"))
                    .col(big_integer("numerator"))
                    .col(big_integer("denominator"))
                    .col(text("source"))
                    .col(big_integer("recorded_at"))
                    .primary_key(Index::create().col("stock_id").col("effective_on"))
                    .foreign_key(&mut to_stock("splits"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("split_checks")
                    .col(big_integer("stock_id").primary_key())
                    .col(big_integer("asked_at"))
                    .foreign_key(&mut to_stock("split_checks"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("held_prices")
                    .col(big_integer("stock_id"))
                    .col(big_integer("seq"))
                    .col(big_integer("recorded_at"))
                    .col(date("trading_day"))
                    .col(big_integer("price"))
                    .col(big_integer_null("open"))
                    .col(big_integer_null("previous_close"))
                    .col(text("exact_price"))
                    .col(text_null("exact_previous_close"))
                    .col(big_integer_null("close"))
                    .col(date_null("close_day"))
                    .col(big_integer("held_until"))
                    .primary_key(Index::create().col("stock_id").col("seq"))
                    .foreign_key(&mut to_stock("held_prices"))
                    .take(),
            )
            .await?;
        manager
            .alter_table(
                Table::alter()
                    .table("alerts")
                    .add_column(big_integer_null("fired_at"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(
                Table::alter()
                    .table("alerts")
                    .drop_column("fired_at")
                    .take(),
            )
            .await?;
        for table in ["held_prices", "split_checks", "splits"] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        Ok(())
    }
}
