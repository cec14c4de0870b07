//! Deliveries: the alerts that are to be sent to webhooks, and the log of attempts.
//!
//! A delivery is stored in the transaction of its alert, so that none is lost. The
//! module `queue` returns what to send next; [`record`] stores how that ended.

mod attempt;
mod log;
mod queue;

use std::time::Duration;

use entity::{Alert, Delivery, Timestamp, table::delivery};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, sea_query::Expr};

pub use self::{
    attempt::{AttemptResult, NextStep, WebhookChange, record},
    log::{DeliveryKey, attempts, by_ids, of_alerts, page, prune},
    queue::{PendingDelivery, QueueCounts, counts, due, due_webhooks, pending_of},
};
use crate::{Error, Store, feed::FeedTransaction, sql::Sql};

/// The condition of partial indexes. As text, because a plan that is reused for all values of a
/// parameter cannot use them.
const IS_PENDING: &str = "state = 'PENDING'";

/// How long an alert is attempted to be delivered.
pub const LIFETIME: Duration = Duration::from_hours(24);

/// Stores a delivery of each of `alerts` to each enabled webhook that selects it. The alerts must
/// be stored already.
pub async fn enqueue(feed: &FeedTransaction, alerts: &[Alert]) -> Result<(), Error> {
    if alerts.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
    let now = feed.now();
    let text = "INSERT INTO deliveries (webhook_id, alert_id, alert_seq, rule_id, state, \
                failures, next_attempt_at, expires_at) \
                SELECT webhooks.id, alerts.id, alerts.seq, alerts.rule_id, 'PENDING', 0, ";
    let lifetime = "WHERE webhooks.enabled \
         AND (NOT selects_stocks OR EXISTS (SELECT 1 FROM webhook_stocks \
         WHERE webhook_id = webhooks.id AND stock_id = alerts.stock_id)) \
         AND (NOT selects_rules OR EXISTS (SELECT 1 FROM webhook_rules \
         WHERE webhook_id = webhooks.id AND rule_id = alerts.rule_id)) \
         AND alerts.id";
    let sql = Sql::new(feed.connection(), text)
        .bind(now)
        .push(", ")
        .bind(now.after(LIFETIME))
        .push(" FROM alerts CROSS JOIN webhooks ")
        .push(lifetime)
        .eq_any(&ids)
        .push(" ORDER BY alerts.seq, webhooks.id");
    feed.connection().execute_raw(sql.statement()).await?;
    Ok(())
}

/// Sends an alert to a webhook again, for 24 hours from now. The alert must exist. Returns `None`
/// if the webhook does not exist.
pub async fn redeliver(
    store: &Store,
    webhook_id: i64,
    alert: &Alert,
) -> Result<Option<Delivery>, Error> {
    let transaction = store.database.begin_write().await?;
    let now = store.clock.now();
    let text = "INSERT INTO deliveries (webhook_id, alert_id, alert_seq, rule_id, state, \
                failures, next_attempt_at, expires_at, blocks_until) SELECT id, ";
    // It does not hold up later alerts.
    let again = " ON CONFLICT (webhook_id, alert_id) DO UPDATE SET state = 'PENDING', failures = 0, \
                 next_attempt_at = excluded.next_attempt_at, expires_at = excluded.expires_at, \
                 blocks_until = excluded.blocks_until, finished_at = NULL RETURNING id";
    let sql = Sql::new(&transaction, text)
        .bind(alert.id)
        .push(", ")
        .bind(alert.seq)
        .push(", ")
        .bind(alert.rule_id)
        .push(", 'PENDING', 0, ")
        .bind(now)
        .push(", ")
        .bind(now.after(LIFETIME))
        .push(", ")
        .bind(now)
        .push(" FROM webhooks WHERE id = ")
        .bind(webhook_id)
        .push(again);
    let Some(row) = transaction.query_one_raw(sql.statement()).await? else {
        return Ok(None);
    };
    let id: i64 = row.try_get("", "id")?;
    let delivery = by_ids(&transaction, &[id]).await?.pop();
    transaction.commit().await?;
    Ok(delivery)
}

/// Makes the pending deliveries of a webhook due now.
pub(crate) async fn make_due(
    connection: &impl ConnectionTrait,
    webhook_id: i64,
    now: Timestamp,
) -> Result<(), Error> {
    delivery::Entity::update_many()
        .col_expr(delivery::Column::NextAttemptAt, Expr::value(now))
        .filter(delivery::Column::WebhookId.eq(webhook_id))
        .filter(Expr::cust(IS_PENDING))
        .filter(delivery::Column::NextAttemptAt.gt(now))
        .exec(connection)
        .await?;
    Ok(())
}
