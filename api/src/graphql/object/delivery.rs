//! The GraphQL type `Delivery`: an alert that is sent to a webhook.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use entity::{Delivery, DeliveryAttempt};

use super::{
    alert::AlertObject,
    node::{NodeKind, global_id},
};
use crate::{
    graphql::{
        context::batcher,
        enums::DeliveryState,
        loader::{AlertId, AttemptsOf},
        scalar::DateTime,
    },
    service::Error,
};

/// The GraphQL type `Delivery`.
#[derive(Clone)]
pub(crate) struct DeliveryObject(pub Delivery);

/// An alert that is sent to a webhook.
#[Object(name = "Delivery")]
impl DeliveryObject {
    /// The global ID of the delivery.
    pub(super) async fn id(&self) -> ID {
        global_id(NodeKind::Delivery, self.0.id)
    }

    /// The alert.
    async fn alert(&self, ctx: &Context<'_>) -> Result<AlertObject> {
        let alert = batcher(ctx)?.load_one(AlertId(self.0.alert_id)).await?;
        let missing = || Error::NotFound("the alert no longer exists".to_owned());
        Ok(AlertObject(alert.ok_or_else(missing)?))
    }

    /// Whether the alert was delivered.
    fn state(&self) -> DeliveryState {
        self.0.state.into()
    }

    /// The attempts, oldest first.
    async fn attempts(&self, ctx: &Context<'_>) -> Result<Vec<DeliveryAttemptObject>> {
        let attempts = batcher(ctx)?.load_one(AttemptsOf(self.0.id)).await?;
        Ok(attempts.into_iter().flatten().map(Into::into).collect())
    }

    /// The earliest time of the next attempt. The alert also waits for earlier alerts of the
    /// webhook that are retried, and while the webhook is disabled. Null unless the delivery is
    /// pending.
    fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }
}

/// An attempt to deliver an alert.
#[derive(SimpleObject)]
#[graphql(name = "DeliveryAttempt")]
pub(crate) struct DeliveryAttemptObject {
    /// The time at which the attempt began.
    at: DateTime,
    /// The status of the answer: of HTTP, or of SMTP for mail. Null if there was no answer.
    status: Option<i32>,
    /// The reason why the attempt failed. Null if the alert was delivered.
    error: Option<String>,
    /// How long the attempt took, in milliseconds.
    duration_ms: Option<i32>,
}

impl From<DeliveryAttempt> for DeliveryAttemptObject {
    fn from(attempt: DeliveryAttempt) -> Self {
        Self {
            at: DateTime(attempt.at),
            status: attempt.status,
            error: attempt.error,
            duration_ms: Some(attempt.duration_ms),
        }
    }
}
