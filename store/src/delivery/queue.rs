//! What is to be sent, and in which order.
//!
//! The alerts of a webhook are sent in feed order. A failed one is attempted again; until its
//! `blocks_until`, later ones wait for it.

use std::collections::HashMap;

use entity::{Alert, Timestamp, table::delivery};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};

use super::IS_PENDING;
use crate::{Error, alert, sql::Sql};

/// A delivery to be attempted.
#[derive(Clone, Debug)]
pub struct PendingDelivery {
    /// The id of the delivery.
    pub id: i64,
    /// How many attempts have failed.
    pub failures: i32,
    /// Until when it is attempted.
    pub expires_at: Timestamp,
    /// Until when later alerts wait for it, after its first failure.
    pub blocks_until: Option<Timestamp>,
    /// The alert, with its rule also if that was deleted.
    pub alert: Alert,
}

/// Returns the enabled webhooks that have due deliveries, except those that are paused.
pub async fn due_webhooks(
    connection: &impl ConnectionTrait,
    now: Timestamp,
) -> Result<Vec<i64>, Error> {
    #[derive(FromQueryResult)]
    struct DueRow {
        id: i64,
    }
    let text =
        "SELECT id FROM webhooks WHERE enabled AND (paused_until IS NULL OR paused_until <= ";
    let sql = Sql::new(connection, text)
        .bind(now)
        .push(
            ") AND EXISTS (SELECT 1 FROM deliveries WHERE webhook_id = webhooks.id \
             AND state = 'PENDING' AND next_attempt_at <= ",
        )
        .bind(now)
        .push(") ORDER BY id");
    let rows = DueRow::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Returns at most `limit` due deliveries of a webhook, in the order in which they are to be sent:
/// those in feed order up to the first that waits for its next attempt and blocks later ones, then
/// those that no longer block.
pub async fn due(
    connection: &impl ConnectionTrait,
    webhook_id: i64,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<PendingDelivery>, Error> {
    use delivery::Column::{AlertSeq, BlocksUntil, NextAttemptAt, WebhookId};
    let pending = delivery::Entity::find()
        .filter(WebhookId.eq(webhook_id))
        .filter(Expr::cust(IS_PENDING))
        .order_by_asc(AlertSeq)
        .limit(limit);
    let in_order = pending
        .clone()
        .filter(
            Condition::any()
                .add(BlocksUntil.is_null())
                .add(BlocksUntil.gt(now)),
        )
        .all(connection)
        .await?;
    let mut rows: Vec<delivery::Model> = in_order
        .into_iter()
        .take_while(|row| row.next_attempt_at <= now)
        .collect();
    let others = usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(rows.len());
    if others > 0 {
        let aside = pending
            .filter(BlocksUntil.lte(now))
            .filter(NextAttemptAt.lte(now))
            .all(connection)
            .await?;
        rows.extend(aside.into_iter().take(others));
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.alert_id).collect();
    let alerts = alert::by_ids(connection, &ids).await?;
    let mut alerts: HashMap<i64, Alert> = alerts.into_iter().map(|it| (it.id, it)).collect();
    let pending = |row: delivery::Model| {
        let alert = alerts.remove(&row.alert_id)?;
        Some(PendingDelivery {
            id: row.id,
            failures: row.failures,
            expires_at: row.expires_at,
            blocks_until: row.blocks_until,
            alert: Alert {
                rule_id: row.rule_id,
                ..alert
            },
        })
    };
    Ok(rows.into_iter().filter_map(pending).collect())
}

/// Returns the number of pending deliveries of each of `webhooks` that has some.
pub async fn pending_of(
    connection: &impl ConnectionTrait,
    webhooks: &[i64],
) -> Result<HashMap<i64, i64>, Error> {
    #[derive(FromQueryResult)]
    struct CountRow {
        webhook_id: i64,
        count: i64,
    }
    let text = "SELECT webhook_id, COUNT(*) AS count FROM deliveries \
                WHERE state = 'PENDING' AND webhook_id";
    let sql = Sql::new(connection, text)
        .eq_any(webhooks)
        .push(" GROUP BY webhook_id");
    let rows = CountRow::find_by_statement(sql.statement())
        .all(connection)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.webhook_id, row.count))
        .collect())
}

/// What the metrics of deliveries show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromQueryResult)]
pub struct QueueCounts {
    /// The number of pending deliveries.
    pub pending: i64,
    /// The number of webhooks that an answer disabled.
    pub disabled: i64,
    /// Since when the webhook that fails for the longest time has failed, of those that are enabled
    /// and have pending deliveries.
    pub failing_since: Option<Timestamp>,
}

/// Returns what the metrics of deliveries show.
pub async fn counts(connection: &impl ConnectionTrait) -> Result<QueueCounts, Error> {
    let text = "SELECT (SELECT COUNT(*) FROM deliveries WHERE state = 'PENDING') AS pending, \
                (SELECT COUNT(*) FROM webhooks WHERE disabled_reason IS NOT NULL) AS disabled, \
                (SELECT MIN(failing_since) FROM webhooks WHERE enabled AND EXISTS (SELECT 1 FROM \
                deliveries WHERE webhook_id = webhooks.id AND state = 'PENDING')) AS failing_since";
    let sql = Sql::new(connection, text);
    let counts = QueueCounts::find_by_statement(sql.statement())
        .one(connection)
        .await?;
    Ok(counts.unwrap_or_default())
}
