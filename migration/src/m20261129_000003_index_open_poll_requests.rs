//! Indexes the requests without a response, which are few among those that are kept.

use sea_orm_migration::prelude::*;

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "CREATE INDEX poll_requests_open ON poll_requests (requested_at) \
                     WHERE answered_at IS NULL";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = "DROP INDEX poll_requests_open";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
