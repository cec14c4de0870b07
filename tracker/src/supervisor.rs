//! The tracker as a task of a process: takes the lease, runs the engine and keeps house, gives the lease back.
//!
//! One invariant: the engine runs only while the lease is held; the moment it is lost nothing more is asked of anybody,
//! until it is taken again. The `tracker` program and, on SQLite, `api` start one.

use market::PollingHours;
use std::{convert::Infallible, sync::Arc, time::Duration};

use crate::metrics::TrackerMetrics;
use runtime::{
    config::{MarketHours, RetentionSettings, TrackingSettings},
    lifecycle::Shutdown,
    random::Random,
};
use store::{Seed, Store, retention::Retention};
use tokio_util::sync::CancellationToken;

use crate::{
    Roster, candle, housekeeping,
    ingest::Ingest,
    lease::Lease,
    poller::{self, Desk, Rules},
    provider::Pace,
};

/// How long to wait before trying for the lease again.
const RETRY: Duration = Duration::from_millis(500);

/// Everything that tracking takes.
#[derive(Clone)]
pub struct Tracker {
    store: Store,
    ingest: Ingest,
    metrics: TrackerMetrics,
    random: Random,
    roster: Roster,
    rules: Rules,
    retention: Retention,
    stopping: CancellationToken,
}

impl Tracker {
    /// A tracker over a migrated and seeded `store`. It asks nobody yet.
    pub fn new(
        store: Store,
        roster: Roster,
        rules: Rules,
        retention: Retention,
        metrics: TrackerMetrics,
        random: Random,
    ) -> Self {
        Self {
            ingest: Ingest::new(store.clone(), metrics.clone())
                .with_alert_max_age(rules.alert_max_age),
            store,
            metrics,
            random,
            roster,
            rules,
            retention,
            stopping: CancellationToken::new(),
        }
    }

    /// Tracks from now on, as a task that lives until `shutdown` stops polling; what is under way then is finished.
    pub fn start(self, shutdown: &Shutdown) {
        let stopping = shutdown.soft().clone();
        shutdown.spawn("tracker", async move {
            self.run(stopping).await;
            Ok::<_, Infallible>(())
        });
    }

    /// Tracks until `stopping`. Dropping the future is what a kill does: nothing that was told is lost.
    pub async fn run(mut self, stopping: CancellationToken) {
        self.stopping = stopping;
        self.announce();
        while let Some(taken) = self
            .stopping
            .run_until_cancelled(Lease::take(&self.store.database))
            .await
        {
            match taken {
                Ok(lease) => self.hold(Arc::new(lease)).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot ask who polls");
                    let pause = RETRY + self.random.below(RETRY);
                    self.stopping
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await;
                }
            }
        }
    }

    /// Polls for as long as the lease is held and the process runs.
    async fn hold(&self, lease: Arc<Lease>) {
        self.metrics.tracking_written();
        let lost = tokio::select! {
            biased;
            () = self.work(&lease) => None,
            error = lease.lost() => Some(error),
            () = Box::pin(housekeeping::keep(&self.store, self.retention)) => None,
        };
        self.metrics.tracking_stopped();
        if let Some(error) = lost {
            tracing::warn!(%error, "the lease is lost: nothing is polled until it is taken again");
        }
        if let Some(lease) = Arc::into_inner(lease) {
            lease.release().await;
        }
    }

    /// Makes up for what an older program did not store, and then polls.
    async fn work(&self, lease: &Arc<Lease>) {
        while let Err(error) = candle::rebuild(&self.store).await {
            tracing::warn!(%error, "cannot make the candles of the prices that are stored");
            let pause = RETRY + self.random.below(RETRY);
            let slept = self.stopping.run_until_cancelled(tokio::time::sleep(pause));
            if slept.await.is_none() {
                return;
            }
        }
        let providers = self.roster.providers();
        let desk = Desk {
            store: self.store.clone(),
            ingest: self.ingest.clone(),
            lease: Arc::clone(lease),
            metrics: self.metrics.clone(),
            random: self.random.clone(),
            stopping: self.stopping.clone(),
            splits_can_be_asked: providers.iter().any(|provider| provider.splits().is_some()),
        };
        poller::run(desk, providers, self.rules).await;
    }

    /// Says what is about to be polled: nobody shall take a replay for today's prices.
    fn announce(&self) {
        let providers = self.roster.names().join(", ");
        let first = self.roster.providers().first();
        let driven = first.filter(|first| matches!(first.pace(), Pace::Driven { .. }));
        let listed = self.roster.providers();
        let has_replay = listed
            .iter()
            .any(|it| matches!(it.pace(), Pace::Driven { .. }));
        if listed.len() > 1 && has_replay {
            tracing::warn!(
                providers,
                "a replay and live providers never stand in for each other: only those listed before the other serve"
            );
        }
        if let Some(note) = driven.and_then(|first| first.note()) {
            tracing::info!(
                providers,
                "{note}: these are not today's prices; ALPHA_VANTAGE_API_KEY switches to live ones"
            );
        } else {
            tracing::info!(providers, interval = ?self.rules.wished, "tracking");
        }
    }
}

/// What an empty database begins with, as the settings say.
pub fn seed_of(settings: &TrackingSettings, random: &Random) -> Seed {
    /// An epoch is drawn from this many microseconds; a cursor of another database hardly ever has the same.
    const EPOCHS: Duration = Duration::from_secs(1 << 42);
    let epoch = random.below(EPOCHS).as_micros();
    Seed {
        epoch: i64::try_from(epoch).unwrap_or(i64::MAX),
        alert_threshold: settings.alert_threshold,
        symbols: settings.default_symbols.clone(),
    }
}

/// How long what is kept, as the settings say.
pub fn retention_of(settings: RetentionSettings) -> Retention {
    Retention {
        ticks: settings.ticks,
        feed: settings.feed,
    }
}

impl Rules {
    /// The rules of the settings.
    pub fn from_settings(settings: &TrackingSettings) -> Self {
        Self {
            wished: settings.update_interval,
            hours: match settings.market_hours {
                MarketHours::Us => PollingHours::Market,
                MarketHours::Always => PollingHours::Always,
            },
            alert_max_age: settings.alert_max_age,
            history: true,
        }
    }
}
