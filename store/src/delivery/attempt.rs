//! How attempts end.

use entity::{
    DeliveryState, Timestamp,
    table::{delivery, delivery_attempt, webhook},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use super::PendingDelivery;
use crate::{Error, Store};

/// How an attempt to send one or several alerts to a webhook ended.
#[derive(Clone, Debug)]
pub struct AttemptResult {
    /// When the attempt began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Why it failed, without secrets.
    pub error: Option<String>,
    /// What follows, for each delivery.
    pub next: Vec<(PendingDelivery, NextStep)>,
    /// What follows for the webhook.
    pub webhook: WebhookChange,
}

/// What follows for a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// It is delivered.
    Delivered,
    /// It is attempted again.
    Retry {
        /// When.
        at: Timestamp,
        /// Until when later alerts wait for it.
        blocks_until: Timestamp,
    },
    /// It is not attempted again.
    Fail,
}

/// What follows for a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookChange {
    /// It works.
    Delivered,
    /// It fails, and is paused if it asked for that.
    Failing {
        /// Until when nothing is sent.
        paused_until: Option<Timestamp>,
    },
    /// It is disabled.
    Disabled {
        /// Why.
        reason: String,
    },
}

/// Stores how an attempt ended. A delivery that was deleted or redelivered meanwhile keeps its
/// state.
pub async fn record(store: &Store, webhook_id: i64, result: &AttemptResult) -> Result<(), Error> {
    let transaction = store.database.begin_write().await?;
    let now = store.clock.now();
    for (pending, next) in &result.next {
        if finish(&transaction, pending, *next, now).await? {
            log(&transaction, pending.id, result).await?;
        }
    }
    let change = webhook::Entity::update_many().filter(webhook::Column::Id.eq(webhook_id));
    let failing = Expr::col(webhook::Column::FailingSince).if_null(result.at);
    match &result.webhook {
        WebhookChange::Delivered => change
            .col_expr(webhook::Column::LastDeliveredAt, Expr::value(now))
            .col_expr(webhook::Column::FailingSince, Expr::value(None::<i64>))
            .col_expr(webhook::Column::PausedUntil, Expr::value(None::<i64>)),
        WebhookChange::Failing { paused_until } => change
            .col_expr(webhook::Column::FailingSince, failing)
            .col_expr(webhook::Column::PausedUntil, Expr::value(*paused_until)),
        WebhookChange::Disabled { reason } => change
            .col_expr(webhook::Column::FailingSince, failing)
            .col_expr(webhook::Column::Enabled, Expr::value(false))
            .col_expr(
                webhook::Column::DisabledReason,
                Expr::value(reason.as_str()),
            ),
    }
    .exec(&transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Returns whether the delivery still exists.
async fn finish(
    connection: &impl ConnectionTrait,
    pending: &PendingDelivery,
    next: NextStep,
    now: Timestamp,
) -> Result<bool, Error> {
    use delivery::Column::{
        BlocksUntil, ExpiresAt, Failures, FinishedAt, Id, NextAttemptAt, State,
    };
    // A redelivery has another end.
    let update = delivery::Entity::update_many()
        .filter(Id.eq(pending.id))
        .filter(ExpiresAt.eq(pending.expires_at));
    let finished = |state: DeliveryState| {
        update
            .clone()
            .col_expr(State, Expr::value(state))
            .col_expr(FinishedAt, Expr::value(now))
    };
    let update = match next {
        NextStep::Delivered => finished(DeliveryState::Delivered),
        NextStep::Fail => {
            finished(DeliveryState::Failed).col_expr(Failures, Expr::value(pending.failures + 1))
        }
        NextStep::Retry { at, blocks_until } => update
            .clone()
            .col_expr(Failures, Expr::value(pending.failures + 1))
            .col_expr(NextAttemptAt, Expr::value(at))
            .col_expr(BlocksUntil, Expr::value(blocks_until)),
    };
    if update.exec(connection).await?.rows_affected > 0 {
        return Ok(true);
    }
    let exists = delivery::Entity::find_by_id(pending.id);
    Ok(exists.one(connection).await?.is_some())
}

async fn log(
    connection: &impl ConnectionTrait,
    delivery_id: i64,
    result: &AttemptResult,
) -> Result<(), Error> {
    let row = delivery_attempt::ActiveModel {
        id: NotSet,
        delivery_id: Set(delivery_id),
        at: Set(result.at),
        status: Set(result.status.map(i32::from)),
        error: Set(result.error.clone()),
        duration_ms: Set(result.duration_ms),
    };
    delivery_attempt::Entity::insert(row)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
