//! The log of deliveries and their attempts.

use std::time::Duration;

use entity::{Delivery, DeliveryAttempt, Position};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use crate::{
    Error, Store,
    page::{self, Key, Page, Span},
    sql::Sql,
};

/// Maximum number of deliveries deleted at once, which bounds how long writers wait.
const BATCH: usize = 500;

/// The position of a delivery in a list: that of its alert.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryKey(i64);

impl From<Position> for DeliveryKey {
    fn from(position: Position) -> Self {
        Self(position.seq)
    }
}

impl Key for DeliveryKey {
    const COLUMNS: &'static [&'static str] = &["deliveries.alert_seq"];

    fn values(&self) -> Vec<Value> {
        vec![self.0.into()]
    }
}

const SELECT: &str = "SELECT deliveries.id, webhook_id, alert_id, alert_seq, \
                      COALESCE(alerts.fired_at, alerts.triggered_at) AS alert_recorded_at, state, \
                      CASE state WHEN 'PENDING' THEN next_attempt_at END AS next_attempt_at \
                      FROM deliveries JOIN alerts ON alerts.id = alert_id WHERE ";

/// Returns a page of the deliveries of a webhook, newest alert first.
pub async fn page(
    connection: &impl ConnectionTrait,
    webhook_id: i64,
    span: &Span<DeliveryKey>,
) -> Result<Page<Delivery>, Error> {
    let sql = Sql::new(connection, SELECT)
        .push("webhook_id = ")
        .bind(webhook_id);
    page::read(connection, &sql, span).await
}

/// Returns the deliveries with these ids, in unspecified order.
pub async fn by_ids(
    connection: &impl ConnectionTrait,
    ids: &[i64],
) -> Result<Vec<Delivery>, Error> {
    let sql = Sql::new(connection, SELECT)
        .push("deliveries.id")
        .eq_any(ids);
    read(connection, sql).await
}

/// Returns the deliveries of alerts, by webhook.
pub async fn of_alerts(
    connection: &impl ConnectionTrait,
    alerts: &[i64],
) -> Result<Vec<Delivery>, Error> {
    let sql = Sql::new(connection, SELECT)
        .push("alert_id")
        .eq_any(alerts)
        .push(" ORDER BY webhook_id");
    read(connection, sql).await
}

async fn read(connection: &impl ConnectionTrait, sql: Sql) -> Result<Vec<Delivery>, Error> {
    Ok(Delivery::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Returns the attempts of deliveries, oldest first.
pub async fn attempts(
    connection: &impl ConnectionTrait,
    deliveries: &[i64],
) -> Result<Vec<DeliveryAttempt>, Error> {
    let text = "SELECT delivery_id, at, status, error, duration_ms FROM delivery_attempts \
                WHERE delivery_id";
    let sql = Sql::new(connection, text)
        .eq_any(deliveries)
        .push(" ORDER BY id");
    Ok(DeliveryAttempt::find_by_statement(sql.statement())
        .all(connection)
        .await?)
}

/// Deletes a batch of deliveries that ended longer ago than `retention`, with their attempts.
/// Returns whether there may be more.
pub async fn prune(store: &Store, retention: Duration) -> Result<bool, Error> {
    let horizon = store.clock.now().before(retention);
    let transaction = store.database.begin_write().await?;
    let text = "DELETE FROM deliveries WHERE id IN \
                (SELECT id FROM deliveries WHERE finished_at IS NOT NULL AND finished_at < ";
    let sql = Sql::new(&transaction, text)
        .bind(horizon)
        .push(&format!(" ORDER BY finished_at LIMIT {BATCH})"));
    let deleted = transaction.execute_raw(sql.statement()).await?;
    transaction.commit().await?;
    Ok(deleted.rows_affected() == BATCH as u64)
}
