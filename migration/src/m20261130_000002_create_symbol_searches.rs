//! Creates `symbol_searches`, the searches that were sent to providers, and lets the requests of
//! `poll_requests` be searches. Those rows only live for an hour, so the table is created anew.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Creates `poll_requests`, with or without searches.
async fn recreate_requests(manager: &SchemaManager<'_>, searches: bool) -> Result<(), DbErr> {
    let (symbol, track) = if searches {
        (text_null("symbol"), boolean("track").default(false).take())
    } else {
        (text("symbol"), boolean("track"))
    };
    let mut table = Table::create();
    table
        .table("poll_requests")
        .col(big_pk_auto("id"))
        .col(symbol)
        .col(track)
        .col(text_null("name"))
        .col(big_integer("requested_at"))
        .col(big_integer_null("answered_at"))
        .col(text_null("outcome"))
        .col(integer_null("retry_after"));
    if searches {
        table.col(text_null("query")).col(text_null("found"));
    }
    let drop = Table::drop().table("poll_requests").take();
    manager.drop_table(drop).await?;
    manager.create_table(table).await?;
    let index = "CREATE INDEX poll_requests_open ON poll_requests (requested_at) \
                 WHERE answered_at IS NULL";
    manager.get_connection().execute_unprepared(index).await?;
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        recreate_requests(manager, true).await?;
        manager
            .create_table(
                Table::create()
                    .table("symbol_searches")
                    .col(big_pk_auto("id"))
                    .col(text("provider"))
                    .col(text("query"))
                    .col(big_integer("searched_at"))
                    .col(text_null("matches"))
                    .take(),
            )
            .await?;
        let index = Index::create()
            .name("symbol_searches_time")
            .table("symbol_searches")
            .col("searched_at")
            .take();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("symbol_searches_query")
            .table("symbol_searches")
            .col("query")
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("symbol_searches").take())
            .await?;
        recreate_requests(manager, false).await
    }
}
