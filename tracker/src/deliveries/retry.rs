//! When a failed delivery is attempted again.
//!
//! The delays grow up to an hour, until 24 hours after the alert. Each is up to a fifth longer or
//! shorter, so that what failed together is not retried together.

use std::time::Duration;

use delivery::{Advice, Failure, Outcome};
use entity::{Timestamp, WebhookFormat};
use store::delivery::{NextStep, PendingDelivery, WebhookChange};

/// The delays after the first failures; after more of them, an hour.
const DELAYS: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
];
const LAST_DELAY: Duration = Duration::from_hours(1);
/// How long later alerts wait for one that fails, where order matters.
const MAX_BLOCK: Duration = Duration::from_mins(30);
/// How long a webhook that asks for fewer requests is paused at most, unless it asks for longer.
const MAX_PAUSE: Duration = Duration::from_mins(5);

/// What follows after an attempt that ended at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    format: WebhookFormat,
    failure: Option<&'a Failure>,
    now: Timestamp,
}

/// Creates the plan for an attempt that ended `now`.
pub(super) fn plan(format: WebhookFormat, outcome: &Outcome, now: Timestamp) -> Plan<'_> {
    let failure = match outcome {
        Outcome::Delivered => None,
        Outcome::Failed(failure) => Some(failure),
    };
    Plan {
        format,
        failure,
        now,
    }
}

impl Plan<'_> {
    /// What follows for a delivery. `unit` is random, from 0 up to 1.
    pub(super) fn step(&self, pending: &PendingDelivery, unit: f64) -> NextStep {
        let Some(failure) = self.failure else {
            return NextStep::Delivered;
        };
        let ends = matches!(failure.advice, Advice::Gone | Advice::Never);
        if ends || self.now >= pending.expires_at {
            return NextStep::Fail;
        }
        let failures = usize::try_from(pending.failures).unwrap_or_default();
        let delay = DELAYS.get(failures).copied().unwrap_or(LAST_DELAY);
        let planned = self.now.after(delay.mul_f64(0.8 + 0.4 * unit));
        let requested = self.now.after(failure.retry_after.unwrap_or_default());
        let steps_aside =
            self.format != WebhookFormat::Standard || failure.advice == Advice::StepAside;
        NextStep::Retry {
            // The last attempt is made at the end.
            at: planned.min(pending.expires_at).max(requested),
            blocks_until: match pending.blocks_until {
                _ if steps_aside => self.now,
                Some(until) => until,
                None => self.now.after(MAX_BLOCK),
            },
        }
    }

    /// What follows for the webhook, given what follows for its deliveries.
    pub(super) fn webhook(
        &self,
        next: &[(PendingDelivery, NextStep)],
        now: Timestamp,
    ) -> WebhookChange {
        let Some(failure) = self.failure else {
            return WebhookChange::Delivered;
        };
        if failure.advice == Advice::Gone {
            return WebhookChange::Disabled {
                reason: "the receiver answered 410 Gone".to_owned(),
            };
        }
        let first_retry = next.iter().filter_map(|(_, step)| match step {
            NextStep::Retry { at, .. } => Some(*at),
            NextStep::Delivered | NextStep::Fail => None,
        });
        let slower = first_retry.min().map(|at| at.min(now.after(MAX_PAUSE)));
        let slower = slower.filter(|_| failure.advice == Advice::SlowDown);
        let requested = failure.retry_after.map(|wait| now.after(wait));
        WebhookChange::Failing {
            paused_until: slower.max(requested),
        }
    }
}

#[cfg(test)]
mod tests;
