//! Creates `providers`, the status of each provider, and `provider_calls`, its requests in the last
//! minute.

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
                    .table("providers")
                    .col(text("name").primary_key())
                    .col(integer_null("rank"))
                    .col(text("state"))
                    .col(big_integer_null("effective_interval"))
                    .col(text_null("note"))
                    .col(text_null("position"))
                    .col(integer_null("per_minute"))
                    .col(integer_null("per_day"))
                    .col(date_null("day"))
                    .col(integer("day_used"))
                    .col(big_integer_null("day_resets_at"))
                    .col(big_integer("updated_at"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("provider_calls")
                    .col(big_pk_auto("id"))
                    .col(text("provider"))
                    .col(big_integer("sent_at"))
                    .take(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("provider_calls_provider_sent_at")
                    .table("provider_calls")
                    .col("provider")
                    .col("sent_at")
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("provider_calls").take())
            .await?;
        manager
            .drop_table(Table::drop().table("providers").take())
            .await
    }
}
