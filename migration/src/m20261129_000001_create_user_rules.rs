//! Adds what the alert rules of users need: settings in `alert_rules`, the state of a rule for a
//! stock in `rule_states` and `rule_references`, and the identity of their alerts.
//!
//! An alert of a user's rule is identified by its rule, its stock, its direction and the price that
//! caused it (`price_seq`). Alerts of the default rule have no `price_seq` and keep their identity:
//! one alert per stock, trading day, direction and multiple.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A foreign key to the rule, whose deletion deletes the row.
fn to_rule(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "rule_id")
        .to("alert_rules", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

/// A foreign key to the stock.
fn to_stock(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "stock_id")
        .to("stocks", "id")
        .take()
}

/// The new columns of `alert_rules`.
fn rule_columns() -> Vec<ColumnDef> {
    vec![
        text_null("name").take(),
        text_null("note").take(),
        text("basis").default("LAST").take(),
        integer_null("window_seconds").take(),
        integer("hold_seconds").default(0).take(),
        big_integer("rearm_percent").default(0).take(),
        big_integer_null("updated_at").take(),
        // The level as it was set, and the trading day in whose shares it is.
        big_integer_null("set_threshold").take(),
        date_null("level_day").take(),
        // From where on the rule is evaluated.
        big_integer("start_seq").default(0).take(),
        big_integer("start_at").default(0).take(),
    ]
}

/// The new columns of `alerts`.
fn alert_columns() -> Vec<ColumnDef> {
    vec![
        big_integer_null("price_seq").take(),
        text_null("rule_name").take(),
        // The high or low of the session that touched a level.
        big_integer_null("touched").take(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in [("alert_rules", rule_columns()), ("alerts", alert_columns())] {
            for column in columns {
                let alter = Table::alter().table(table).add_column(column).take();
                manager.alter_table(alter).await?;
            }
        }
        let connection = manager.get_connection();
        for statement in [
            "DROP INDEX alerts_identity",
            "CREATE UNIQUE INDEX alerts_identity ON alerts \
             (rule_id, stock_id, trading_day, direction, threshold) WHERE price_seq IS NULL",
            "CREATE UNIQUE INDEX alerts_cause ON alerts \
             (rule_id, stock_id, direction, price_seq) WHERE price_seq IS NOT NULL",
            "CREATE INDEX alert_rules_stock_id ON alert_rules (stock_id)",
            "CREATE INDEX alerts_rule_id_seq ON alerts (rule_id, seq)",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("rule_states")
                    .col(big_integer("rule_id"))
                    .col(big_integer("stock_id"))
                    .col(text("direction"))
                    .col(boolean("disarmed"))
                    .col(big_integer_null("fired_at"))
                    .col(date_null("fired_day"))
                    .col(big_integer_null("true_since"))
                    .primary_key(
                        Index::create()
                            .col("rule_id")
                            .col("stock_id")
                            .col("direction"),
                    )
                    .foreign_key(&mut to_rule("rule_states"))
                    .foreign_key(&mut to_stock("rule_states"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("rule_references")
                    .col(big_integer("rule_id"))
                    .col(big_integer("stock_id"))
                    .col(big_integer("price"))
                    .col(date("trading_day"))
                    .primary_key(Index::create().col("rule_id").col("stock_id"))
                    .foreign_key(&mut to_rule("rule_references"))
                    .foreign_key(&mut to_stock("rule_references"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["rule_references", "rule_states"] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        let connection = manager.get_connection();
        for statement in [
            "DROP INDEX alerts_rule_id_seq",
            "DROP INDEX alert_rules_stock_id",
            "DROP INDEX alerts_cause",
            "DROP INDEX alerts_identity",
            // The rules and alerts that the older schema cannot represent.
            "UPDATE alerts SET rule_id = NULL WHERE price_seq IS NOT NULL",
            "DELETE FROM alert_rules WHERE NOT is_default",
            "CREATE UNIQUE INDEX alerts_identity ON alerts \
             (rule_id, stock_id, trading_day, direction, threshold)",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        for (table, columns) in [("alerts", alert_columns()), ("alert_rules", rule_columns())] {
            for column in columns {
                let name = column.get_column_name();
                let alter = Table::alter().table(table).drop_column(name).take();
                manager.alter_table(alter).await?;
            }
        }
        Ok(())
    }
}
