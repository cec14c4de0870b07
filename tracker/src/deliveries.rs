//! Sends alerts to webhooks, while this process holds the lease.
//!
//! A delivery is stored with its alert. The sender reads those that are due, makes one attempt at
//! a time for each webhook, and stores how it ended. If the process ends between the two, the
//! alert is sent again, with the same id.

mod retry;
mod turn;

use std::{collections::HashSet, time::Duration};

use delivery::Sender;
use runtime::{config::DeliverySettings, outage_log::OutageLog, random::Random};
use store::Store;
use tokio::{sync::Notify, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::metrics::TrackerMetrics;

/// How often due deliveries are looked for without a notification: retries become due, and `api`
/// changes webhooks.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often the deliveries are counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// Sends the alerts of all webhooks. Clones share their state.
#[derive(Clone)]
pub(crate) struct Deliveries {
    store: Store,
    sender: Sender,
    settings: DeliverySettings,
    metrics: TrackerMetrics,
    random: Random,
}

impl Deliveries {
    pub(crate) fn new(
        store: Store,
        sender: Sender,
        settings: DeliverySettings,
        metrics: TrackerMetrics,
        random: Random,
    ) -> Self {
        Self {
            store,
            sender,
            settings,
            metrics,
            random,
        }
    }

    /// Sends what is due, until the process stops. Then the attempts in flight end.
    pub(crate) async fn run(&self, fired: &Notify, stopping: &CancellationToken) {
        let mut outage = OutageLog::new(
            "failed to read the alerts to be delivered, retrying",
            "reading the alerts to be delivered works again",
        );
        let mut turns = JoinSet::new();
        let mut busy = HashSet::new();
        let mut last = 0;
        let mut counted: Option<Instant> = None;
        while !stopping.is_cancelled() {
            if counted.is_none_or(|at| at.elapsed() >= COUNT_INTERVAL) {
                self.count().await;
                counted = Some(Instant::now());
            }
            let now = self.store.clock.now();
            let due = store::delivery::due_webhooks(self.store.database.read(), now).await;
            outage.record(&due);
            let free = self.max_concurrent().saturating_sub(turns.len());
            for webhook in in_turn(due.unwrap_or_default(), last, &busy, free) {
                last = webhook;
                busy.insert(webhook);
                let this = self.clone();
                turns.spawn(async move {
                    this.turn(webhook).await;
                    webhook
                });
            }
            tokio::select! {
                () = stopping.cancelled() => break,
                () = fired.notified(), if turns.len() < self.max_concurrent() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                Some(ended) = turns.join_next(), if !turns.is_empty() => {
                    if let Ok(webhook) = ended {
                        busy.remove(&webhook);
                    }
                }
            }
        }
        while turns.join_next().await.is_some() {}
    }

    fn max_concurrent(&self) -> usize {
        self.settings.max_concurrent as usize
    }

    async fn count(&self) {
        match store::delivery::counts(self.store.database.read()).await {
            Ok(counts) => self
                .metrics
                .deliveries_counted(counts, self.store.clock.now()),
            Err(error) => tracing::debug!(error = error.as_dyn(), "deliveries are not counted"),
        }
    }
}

/// The webhooks to serve next: at most `free` of `due` that are not `busy`, after `last` first, so
/// that none waits for others for long.
fn in_turn(mut due: Vec<i64>, last: i64, busy: &HashSet<i64>, free: usize) -> Vec<i64> {
    due.sort_unstable_by_key(|webhook| (*webhook <= last, *webhook));
    due.retain(|webhook| !busy.contains(webhook));
    due.truncate(free);
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_take_turns() {
        let busy = HashSet::from([3]);
        let next = |last| in_turn(vec![1, 2, 3, 4], last, &busy, 2);
        assert_eq!([next(0), next(2), next(4)], [[1, 2], [4, 1], [1, 2]]);
    }
}
