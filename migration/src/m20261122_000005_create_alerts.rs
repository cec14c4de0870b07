//! Creates `alerts`: every alert that fired. The unique index is the identity of an alert: a rule
//! fires once per stock, trading day, direction and multiple, independent of how often it is
//! inserted.

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
                    .table("alerts")
                    .col(big_pk_auto("id"))
                    .col(big_integer("stock_id"))
                    .col(big_integer_null("rule_id"))
                    .col(big_integer("seq"))
                    .col(text("kind"))
                    .col(text("direction"))
                    .col(big_integer("price"))
                    .col(big_integer_null("reference_price"))
                    .col(big_integer_null("change_percent"))
                    .col(big_integer("threshold"))
                    .col(date("trading_day"))
                    .col(big_integer("triggered_at"))
                    .col(big_integer_null("acknowledged_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alerts", "stock_id")
                            .to("stocks", "id"),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("alerts", "rule_id")
                            .to("alert_rules", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alerts_identity")
                    .table("alerts")
                    .col("rule_id")
                    .col("stock_id")
                    .col("trading_day")
                    .col("direction")
                    .col("threshold")
                    .unique()
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alerts_seq")
                    .table("alerts")
                    .col("seq")
                    .unique()
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alerts_stock_id_seq")
                    .table("alerts")
                    .col("stock_id")
                    .col("seq")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("alerts").take())
            .await
    }
}
