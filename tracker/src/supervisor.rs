//! The supervisor: runs the poller and maintenance while this process holds the lease.
//!
//! When the lease is lost, both stop immediately, until a tracker takes the lease again. The
//! program `tracker` runs one supervisor; on SQLite, `api` does.

use std::{convert::Infallible, sync::Arc, time::Duration};

use delivery::Sender;
use runtime::{
    config::{DeliverySettings, RetentionSettings},
    lifecycle::Shutdown,
    outage_log::OutageLog,
    random::Random,
};
use store::{Store, lease::Lease};
use tokio_util::sync::CancellationToken;

use crate::{
    Providers, candle,
    deliveries::Deliveries,
    ingest::Ingest,
    maintenance,
    metrics::TrackerMetrics,
    poller::{self, PollContext, PollSettings},
    provider::QuoteProvider,
    stream::Streams,
};

/// Minimum delay before a failed operation is retried. The jitter that is added is less than this.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// A tracker: polls providers and maintains the database, one process at a time.
#[derive(Clone)]
pub struct Tracker {
    store: Store,
    ingest: Ingest,
    metrics: TrackerMetrics,
    random: Random,
    providers: Providers,
    settings: PollSettings,
    retention: RetentionSettings,
    deliveries: Option<Deliveries>,
    stopping: CancellationToken,
}

impl Tracker {
    /// Creates a tracker for a migrated and seeded `store`. It does nothing until it is started.
    pub fn new(
        store: Store,
        providers: Providers,
        settings: PollSettings,
        retention: RetentionSettings,
        metrics: TrackerMetrics,
        random: Random,
    ) -> Self {
        Self {
            ingest: Ingest::new(store.clone(), metrics.clone())
                .with_alert_max_age(settings.alert_max_age),
            store,
            metrics,
            random,
            providers,
            settings,
            retention,
            deliveries: None,
            stopping: CancellationToken::new(),
        }
    }

    /// Makes the tracker send alerts to webhooks.
    #[must_use]
    pub fn with_deliveries(self, sender: Sender, settings: DeliverySettings) -> Self {
        let deliveries = Deliveries::new(
            self.store.clone(),
            sender,
            settings,
            self.metrics.clone(),
            self.random.clone(),
        );
        Self {
            deliveries: Some(deliveries),
            ..self
        }
    }

    /// Spawns the tracker. When `shutdown` begins, it finishes the requests in flight and ends.
    pub fn start(self, shutdown: &Shutdown) {
        let stopping = shutdown.soft().clone();
        shutdown.spawn("tracker", async move {
            self.run(stopping).await;
            Ok::<_, Infallible>(())
        });
    }

    /// Runs until `stopping` is cancelled. Dropping the future at any point loses no stored data.
    pub async fn run(mut self, stopping: CancellationToken) {
        self.stopping = stopping;
        self.log_start();
        let mut outage = OutageLog::new(
            "failed to take the lease, retrying",
            "the lease is available again",
        );
        while let Some(taken) = self
            .stopping
            .run_until_cancelled(Lease::take(&self.store.database))
            .await
        {
            outage.record(&taken);
            match taken {
                Ok(lease) => self.run_with_lease(Arc::new(lease)).await,
                Err(_) => {
                    self.retry_delay().await;
                }
            }
        }
    }

    /// Polls and maintains the database until the lease is lost or the process stops.
    async fn run_with_lease(&self, lease: Arc<Lease>) {
        // Another tracker may have stored prices.
        drop(self.ingest.pause().await);
        self.metrics.tracking_written();
        let lost = tokio::select! {
            biased;
            ((), ()) = Box::pin(async { tokio::join!(self.poll(&lease), self.deliver()) }) => None,
            error = lease.lost() => Some(error),
            () = Box::pin(maintenance::run(&self.store, self.retention)) => None,
        };
        self.metrics.tracking_stopped();
        if let Some(error) = lost {
            tracing::warn!(error = error.as_dyn(), "lost the lease, polling stops");
        }
        if let Some(lease) = Arc::into_inner(lease) {
            lease.release().await;
        }
    }

    /// Builds the candles that an older version did not store, then polls.
    async fn poll(&self, lease: &Arc<Lease>) {
        let mut outage = OutageLog::new(
            "failed to build the candles of stored prices, retrying",
            "built the candles of stored prices",
        );
        while !outage.record(&candle::rebuild(&self.store).await) {
            if self.retry_delay().await.is_none() {
                return;
            }
        }
        let providers = self.providers.as_slice();
        let context = PollContext {
            store: self.store.clone(),
            ingest: self.ingest.clone(),
            lease: Arc::clone(lease),
            metrics: self.metrics.clone(),
            random: self.random.clone(),
            stopping: self.stopping.clone(),
            streams: Streams::new(providers, self.settings.streams),
            reports_splits: providers.iter().any(|provider| provider.splits().is_some()),
        };
        poller::run(context, providers, self.settings).await;
    }

    /// Sends alerts to webhooks.
    async fn deliver(&self) {
        if let Some(deliveries) = &self.deliveries {
            deliveries
                .run(&self.ingest.alerts_fired(), &self.stopping)
                .await;
        }
    }

    /// Waits before a retry. Returns `None` if the process stops first.
    async fn retry_delay(&self) -> Option<()> {
        let delay = RETRY_DELAY + self.random.below(RETRY_DELAY);
        let sleep = tokio::time::sleep(delay);
        self.stopping.run_until_cancelled(sleep).await
    }

    /// Logs which providers are used, and a hint if their prices are not current.
    fn log_start(&self) {
        let providers = self.providers.names().join(", ");
        let configured = self.providers.as_slice();
        let is_replay =
            |provider: &&Arc<dyn QuoteProvider>| poller::is_self_paced(provider.as_ref());
        if configured.len() > 1 && configured.iter().filter(is_replay).count() > 0 {
            tracing::warn!(
                providers,
                "replay and live providers do not replace each other: only the kind listed first is used"
            );
        }
        let first = configured.first().filter(is_replay);
        if let Some(note) = first.and_then(|first| first.note()) {
            tracing::info!(
                providers,
                "{note}: these are not current prices; for live prices set an API key such as ALPHA_VANTAGE_API_KEY, or PROVIDER=kraken"
            );
        } else {
            tracing::info!(providers, interval = ?self.settings.update_interval, "tracking started");
        }
    }
}
