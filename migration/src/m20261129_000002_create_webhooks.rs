//! Creates the tables of webhooks and of the alerts that are sent to them.
//!
//! A delivery is inserted in the transaction of its alert, for each webhook that selects it.

use sea_orm_migration::{prelude::*, schema::*};

/// See the module.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A foreign key whose target's deletion deletes the row.
fn owned_by(
    table: &'static str,
    column: &'static str,
    owner: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(owner, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn webhooks() -> TableCreateStatement {
    Table::create()
        .table("webhooks")
        .col(big_pk_auto("id"))
        .col(text("format"))
        .col(text("url"))
        .col(text_null("description"))
        .col(text_null("token"))
        .col(text("secret"))
        .col(text_null("previous_secret"))
        .col(big_integer_null("previous_secret_until"))
        // Whether only some stocks or rules are selected: those of the tables below.
        .col(boolean("selects_stocks"))
        .col(boolean("selects_rules"))
        .col(boolean("enabled"))
        .col(text_null("disabled_reason"))
        .col(big_integer("created_at"))
        .col(big_integer_null("last_delivered_at"))
        .col(big_integer_null("failing_since"))
        .col(big_integer_null("paused_until"))
        .take()
}

/// A table of what a webhook selects.
fn selection(table: &'static str, column: &'static str, of: &'static str) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(big_integer("webhook_id"))
        .col(big_integer(column))
        .primary_key(Index::create().col("webhook_id").col(column))
        .foreign_key(&mut owned_by(table, "webhook_id", "webhooks"))
        .foreign_key(&mut owned_by(table, column, of))
        .take()
}

fn deliveries() -> TableCreateStatement {
    Table::create()
        .table("deliveries")
        .col(big_pk_auto("id"))
        .col(big_integer("webhook_id"))
        .col(big_integer("alert_id"))
        .col(big_integer("alert_seq"))
        // The rule of the alert, also after it is deleted, so that every attempt sends the same.
        .col(big_integer_null("rule_id"))
        .col(text("state"))
        .col(big_integer("next_attempt_at"))
        .col(big_integer("expires_at"))
        // How many attempts have failed since the alert or the redelivery.
        .col(integer("failures").default(0))
        // Until when later alerts wait for this one, after its first failure.
        .col(big_integer_null("blocks_until"))
        .col(big_integer_null("finished_at"))
        .foreign_key(&mut owned_by("deliveries", "webhook_id", "webhooks"))
        .foreign_key(
            ForeignKey::create()
                .from("deliveries", "alert_id")
                .to("alerts", "id"),
        )
        .take()
}

fn attempts() -> TableCreateStatement {
    Table::create()
        .table("delivery_attempts")
        .col(big_pk_auto("id"))
        .col(big_integer("delivery_id"))
        .col(big_integer("at"))
        .col(integer_null("status"))
        .col(text_null("error"))
        .col(integer("duration_ms"))
        .foreign_key(&mut owned_by(
            "delivery_attempts",
            "delivery_id",
            "deliveries",
        ))
        .take()
}

const INDEXES: [&str; 8] = [
    "CREATE UNIQUE INDEX deliveries_identity ON deliveries (webhook_id, alert_id)",
    "CREATE INDEX deliveries_log ON deliveries (webhook_id, alert_seq)",
    "CREATE INDEX deliveries_alert_id ON deliveries (alert_id)",
    "CREATE INDEX deliveries_pending ON deliveries (webhook_id, alert_seq) WHERE state = 'PENDING'",
    "CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'PENDING'",
    "CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL",
    "CREATE INDEX delivery_attempts_delivery_id ON delivery_attempts (delivery_id)",
    "CREATE INDEX webhook_rules_rule_id ON webhook_rules (rule_id)",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            webhooks(),
            selection("webhook_stocks", "stock_id", "stocks"),
            selection("webhook_rules", "rule_id", "alert_rules"),
            deliveries(),
            attempts(),
        ] {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [
            "delivery_attempts",
            "deliveries",
            "webhook_rules",
            "webhook_stocks",
            "webhooks",
        ] {
            manager
                .drop_table(Table::drop().table(table).take())
                .await?;
        }
        Ok(())
    }
}
