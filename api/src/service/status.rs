//! The status of this process, the tracker and its providers.

use std::time::Duration;

use entity::{Timestamp, table};
use market::{Market, PollingHours};
use store::{
    database::DatabaseKind,
    provider::{
        self,
        usage::{self, WindowUsage},
    },
};
use tokio::time::timeout;

use super::{Error, Service};

/// Time without a heartbeat of a tracker after which none is considered active. A tracker writes
/// one every 2 s.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of reading the providers' status.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The build and the start of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuildInfo {
    /// The version, as in `Cargo.toml`.
    pub(crate) version: &'static str,
    /// The commit, if known at build time.
    pub(crate) revision: Option<&'static str>,
    /// When the process started.
    pub(crate) started_at: Timestamp,
}

/// The status of the whole product.
#[derive(Clone, Debug)]
pub(crate) struct SystemStatus {
    /// The build of this process.
    pub(crate) build: BuildInfo,
    /// The kind of database.
    pub(crate) database: DatabaseKind,
    /// Whether the database answers.
    pub(crate) database_up: bool,
    /// How long the feed has stalled, if it has.
    pub(crate) feed_stall: Option<Duration>,
    /// The providers in failover order; `None` if the database did not answer in time.
    pub(crate) providers: Option<Vec<table::provider::Model>>,
    /// The market whose hours limit polling. If polling ignores market hours, a market that is
    /// always open.
    pub(crate) market: Market,
    /// The time of this status.
    pub(crate) now: Timestamp,
}

impl Service {
    /// Returns the current status, without providers if the database is away or slow.
    pub(crate) async fn status(&self) -> SystemStatus {
        let now = self.store.clock.now();
        let connection = self.store.database.read();
        let reading = timeout(READ_TIMEOUT, self.read(|| provider::configured(connection)));
        let providers = match reading.await {
            Ok(Ok(providers)) => Some(providers),
            Ok(Err(error)) => {
                tracing::debug!(cause = ?error.cause(), "failed to read the status of the providers");
                None
            }
            Err(_) => None,
        };
        SystemStatus {
            build: self.build,
            database: self.store.database.kind(),
            database_up: self.health.silence().is_none(),
            feed_stall: self.hub.feed_stall(),
            providers,
            market: match self.hours {
                PollingHours::Market => Market::Us,
                PollingHours::Always => Market::Crypto,
            },
            now,
        }
    }

    /// Returns the requests to a provider in a window that ends now.
    pub(crate) async fn requests(
        &self,
        provider: &str,
        window: Duration,
    ) -> Result<WindowUsage, Error> {
        let (connection, now) = (self.store.database.read(), self.store.clock.now());
        self.read(|| usage::window_usage(connection, provider, window, now))
            .await
    }
}

impl SystemStatus {
    /// Whether a tracker is active.
    pub(crate) fn is_tracked(&self) -> bool {
        self.untracked().is_none()
    }

    /// Time since the last heartbeat of a tracker, if none is active; [`Duration::MAX`] if none
    /// ever was.
    pub(crate) fn untracked(&self) -> Option<Duration> {
        let providers = self.providers.iter().flatten();
        let seen = providers.map(|it| it.updated_at).max();
        let elapsed = seen.map_or(Duration::MAX, |seen| self.now.since(seen));
        (elapsed > HEARTBEAT_TIMEOUT).then_some(elapsed)
    }
}
