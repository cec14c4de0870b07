//! The turn of a webhook: sends what is due, one request after the other.

use std::time::Duration;

use delivery::{AlertToSend, Attempt, Message, Outcome, Target, TargetError, take};
use entity::{Decimal, Timestamp, Webhook, WebhookFormat};
use runtime::outage_log::OutageLog;
use store::{
    delivery::{AttemptResult, NextStep, PendingDelivery, WebhookChange},
    rule, webhook,
};

use super::{Deliveries, retry};

/// How many messages a webhook gets before others take their turn.
const MESSAGES: usize = 20;
/// Above this number, due alerts for a chat or mailbox are sent as one message.
const BURST: usize = 20;
/// How many due alerts are read at once.
const MAX_MERGED: u64 = 500;
/// The delay before storing the end of an attempt is retried; up to as much is added as jitter.
const RETRY_DELAY: Duration = Duration::from_millis(500);

impl Deliveries {
    /// Sends what is due for a webhook.
    pub(super) async fn turn(&self, webhook: i64) {
        let mut is_burst = false;
        for _ in 0..MESSAGES {
            match self.send_next(webhook, &mut is_burst).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(error = error.as_dyn(), webhook, "cannot read a delivery");
                    return;
                }
            }
        }
    }

    /// Sends the next message of a webhook. Returns whether there was one. The rest of a burst that
    /// does not fit into a message is a burst, too.
    async fn send_next(&self, id: i64, is_burst: &mut bool) -> Result<bool, store::Error> {
        let connection = self.store.database.read();
        let now = self.store.clock.now();
        let found = webhook::by_ids(connection, &[id]).await?.pop();
        let is_ready = |webhook: &Webhook| {
            webhook.enabled && webhook.paused_until.is_none_or(|until| until <= now)
        };
        let Some(webhook) = found.filter(is_ready) else {
            return Ok(false);
        };
        let limit = match webhook.format {
            WebhookFormat::Standard => 1,
            _ => MAX_MERGED,
        };
        let mut due = store::delivery::due(connection, id, now, limit).await?;
        if due.is_empty() {
            return Ok(false);
        }
        let alerts = self.alerts(&due).await?;
        *is_burst |= due.len() > BURST;
        due.truncate(if *is_burst {
            take(webhook.format, &alerts, now).max(1)
        } else {
            1
        });
        let message = Message::alerts(&alerts[..due.len()]);
        let result = self.attempt(&webhook, &message, due, now).await;
        log(&webhook, &result);
        self.record(&webhook, &result).await;
        Ok(true)
    }

    /// The alerts of deliveries, with the thresholds of their rules.
    async fn alerts(&self, due: &[PendingDelivery]) -> Result<Vec<AlertToSend>, store::Error> {
        let mut default: Option<Decimal> = None;
        // The threshold of the default rule's alerts is a multiple.
        if due.iter().any(|it| it.alert.price_seq.is_none()) {
            let rule = rule::default_rule(self.store.database.read()).await?;
            default = rule.map(|rule| rule.threshold);
        }
        let alert = |pending: &PendingDelivery| AlertToSend {
            alert: pending.alert.clone(),
            rule_threshold: match pending.alert.price_seq {
                Some(_) => Some(pending.alert.threshold),
                None => default,
            },
        };
        Ok(due.iter().map(alert).collect())
    }

    /// Makes one attempt.
    async fn attempt(
        &self,
        webhook: &Webhook,
        message: &Message,
        due: Vec<PendingDelivery>,
        now: Timestamp,
    ) -> AttemptResult {
        let attempt = match Target::of_webhook(webhook, now, &self.settings) {
            Ok(target) => self.sender.send(&target, message, now).await,
            Err(error) => refused(&error),
        };
        let ended = self.store.clock.now();
        let plan = retry::plan(webhook.format, &attempt.outcome, ended);
        let next: Vec<_> = due
            .into_iter()
            .map(|pending| {
                let step = plan.step(&pending, self.random.unit());
                (pending, step)
            })
            .collect();
        AttemptResult {
            at: now,
            duration_ms: i32::try_from(attempt.duration.as_millis()).unwrap_or(i32::MAX),
            status: attempt.status,
            error: match &attempt.outcome {
                Outcome::Delivered => None,
                Outcome::Failed(failure) => Some(failure.error.clone()),
            },
            webhook: plan.webhook(&next, ended),
            next,
        }
    }

    /// Stores how an attempt ended. Retries until that works: without it, the alert would be sent
    /// again and again.
    async fn record(&self, webhook: &Webhook, result: &AttemptResult) {
        let mut outage = OutageLog::new(
            "failed to store how a delivery ended, retrying",
            "stored how a delivery ended",
        );
        while !outage.record(&store::delivery::record(&self.store, webhook.id, result).await) {
            tokio::time::sleep(RETRY_DELAY + self.random.below(RETRY_DELAY)).await;
        }
        let delivered = result.webhook == WebhookChange::Delivered;
        self.metrics
            .deliveries_attempted(webhook.format, delivered, result.next.len());
    }
}

/// Logs how an attempt ended.
fn log(webhook: &Webhook, result: &AttemptResult) {
    let (id, format) = (webhook.id, webhook.format.name());
    let alerts = result.next.len();
    match &result.error {
        None => tracing::debug!(webhook = id, format, alerts, "alert delivered"),
        Some(error) => {
            let failed = result.next.iter().any(|(_, step)| *step == NextStep::Fail);
            if failed {
                tracing::warn!(webhook = id, format, alerts, error, "delivery failed");
            } else {
                tracing::info!(webhook = id, format, alerts, error, "delivery is retried");
            }
        }
    }
    if let WebhookChange::Disabled { reason } = &result.webhook {
        tracing::warn!(webhook = id, format, reason, "webhook disabled");
    }
}

/// The attempt to send to an address that is not allowed, for example since the settings changed.
fn refused(error: &TargetError) -> Attempt {
    Attempt {
        status: None,
        outcome: Outcome::Failed(delivery::Failure {
            error: error.to_string(),
            advice: delivery::Advice::Retry,
            retry_after: None,
        }),
        duration: Duration::ZERO,
    }
}
