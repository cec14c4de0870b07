//! Creates `alert_rules`: the rules that fire alerts.

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
                    .table("alert_rules")
                    .col(big_pk_auto("id"))
                    .col(big_integer_null("stock_id"))
                    .col(boolean("is_default"))
                    .col(text("kind"))
                    .col(big_integer("threshold"))
                    .col(text_null("base"))
                    .col(text("trigger"))
                    .col(integer("cooldown_seconds"))
                    .col(boolean("enabled"))
                    .col(big_integer_null("expires_at"))
                    .col(big_integer("created_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alert_rules", "stock_id")
                            .to("stocks", "id"),
                    )
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("alert_rules").take())
            .await
    }
}
