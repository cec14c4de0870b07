//! Creates `poll_requests`: polls requested from the active tracker.

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
                    .table("poll_requests")
                    .col(big_pk_auto("id"))
                    .col(text("symbol"))
                    .col(boolean("track"))
                    .col(text_null("name"))
                    .col(big_integer("requested_at"))
                    .col(big_integer_null("answered_at"))
                    .col(text_null("outcome"))
                    .col(integer_null("retry_after"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("poll_requests").take())
            .await
    }
}
