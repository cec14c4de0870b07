//! Adds `providers.per_second`, `terms` and `since`, and to `provider_calls` the `cost` of a
//! request and whether it is `in_flight`.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The added columns, by table.
fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("providers", integer_null("per_second")),
        ("providers", text_null("terms")),
        ("providers", big_integer_null("since")),
        ("provider_calls", integer("cost").default(1).take()),
        ("provider_calls", boolean("in_flight").default(false).take()),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns().into_iter().rev() {
            let name = column.get_column_name();
            let drop = Table::alter().table(table).drop_column(name).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
