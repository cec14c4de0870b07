//! Health checks: liveness (`/livez`) and readiness (`/readyz`).
//!
//! A process is ready if its database is migrated and answered within the last 2 s, and the process
//! is not draining. Providers do not matter. A background task checks the database, so a request
//! never waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use opentelemetry::metrics::Meter;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Shutdown;

/// Maximum age of the last answer of a database that counts as available.
pub const MAX_SILENCE: Duration = Duration::from_secs(2);
/// The margin by which a wait for a silence of more than [`MAX_SILENCE`] exceeds it.
const SILENCE_MARGIN: Duration = Duration::from_millis(1);
/// The delay between two checks of the database.
const PROBE_INTERVAL: Duration = Duration::from_millis(600);

/// The result of a [`DatabaseProbe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseState {
    /// It did not answer in time.
    Unavailable,
    /// It answered, and none of our tables exist.
    Uninitialized,
    /// It answered, and our tables exist.
    Initialized,
}

/// Checks whether the database answers. `store::Database` implements it.
pub trait DatabaseProbe: Send + Sync {
    /// Checks once, within a bounded time.
    fn check(&self) -> impl Future<Output = DatabaseState> + Send;
}

/// The health of this process. Clones share the state.
#[derive(Clone, Debug)]
pub struct Health(Arc<HealthState>);

#[derive(Debug)]
struct HealthState {
    migrated: AtomicBool,
    /// Whether the database was replaced by one without our tables.
    uninitialized: AtomicBool,
    answered_at: Mutex<Option<Instant>>,
    draining: CancellationToken,
}

/// Why the process is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The process is shutting down.
    #[error("draining")]
    Draining,
    /// The database has not answered within the last 2 s.
    #[error("the database does not answer")]
    DatabaseSilent,
    /// The database is not migrated yet.
    #[error("the database is not migrated")]
    NotMigrated,
}

impl Health {
    /// Creates the health of a process that is not ready yet.
    pub fn new(shutdown: &Shutdown) -> Self {
        Self(Arc::new(HealthState {
            migrated: AtomicBool::new(false),
            uninitialized: AtomicBool::new(false),
            answered_at: Mutex::new(None),
            draining: shutdown.draining().clone(),
        }))
    }

    /// Records that the database is migrated.
    pub fn migrated(&self) {
        self.0.migrated.store(true, Ordering::Release);
    }

    /// Records that the database answered just now.
    pub fn database_answered(&self) {
        *self.answered_at() = Some(Instant::now());
    }

    /// Whether the database answered within the last 2 s.
    pub fn is_database_alive(&self) -> bool {
        self.answered_at()
            .is_some_and(|at| at.elapsed() <= MAX_SILENCE)
    }

    /// Returns the time since the last answer of the database, if it is more than 2 s.
    pub fn silence(&self) -> Option<Duration> {
        let silence = self.answered_at().map_or(Duration::MAX, |at| at.elapsed());
        (silence > MAX_SILENCE).then_some(silence)
    }

    /// Waits until the last answer of the database is more than 2 s ago.
    pub async fn database_lost(&self) {
        loop {
            let answered = *self.answered_at();
            match answered {
                Some(at) if at.elapsed() <= MAX_SILENCE => {
                    sleep_until(at + MAX_SILENCE + SILENCE_MARGIN).await;
                }
                _ => return,
            }
        }
    }

    /// Whether the process is ready to serve.
    ///
    /// # Errors
    ///
    /// Why it is not; the first of several reasons.
    pub fn ready(&self) -> Result<(), NotReady> {
        if self.0.draining.is_cancelled() {
            return Err(NotReady::Draining);
        }
        if !self.is_database_alive() {
            return Err(NotReady::DatabaseSilent);
        }
        if !self.0.migrated.load(Ordering::Acquire) || self.0.uninitialized.load(Ordering::Acquire)
        {
            return Err(NotReady::NotMigrated);
        }
        Ok(())
    }

    /// Checks the database every 600 ms, forever.
    pub async fn probe(self, database: impl DatabaseProbe) {
        let mut was_available = true;
        loop {
            let state = database.check().await;
            let is_available = state != DatabaseState::Unavailable;
            if is_available {
                let is_uninitialized = state == DatabaseState::Uninitialized;
                self.0
                    .uninitialized
                    .store(is_uninitialized, Ordering::Release);
                self.database_answered();
            }
            match (was_available, is_available) {
                (true, false) => tracing::warn!("the database does not answer"),
                (false, true) => tracing::info!("the database answers again"),
                _ => {}
            }
            was_available = is_available;
            sleep(PROBE_INTERVAL).await;
        }
    }

    /// Registers the metric `ready`.
    pub fn observe(&self, meter: &Meter) {
        let health = self.clone();
        // The meter keeps the instrument; dropping the handle has no effect.
        let _ = meter
            .u64_observable_gauge("ready")
            .with_description("Whether this process is ready to serve: 1 or 0.")
            .with_callback(move |observer| observer.observe(health.ready().is_ok().into(), &[]))
            .build();
    }

    /// Returns the routes `GET /livez` and `GET /readyz`.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .with_state(self.clone())
    }

    fn answered_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.answered_at.lock()
    }
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    match health.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lifecycle::Lifecycle, metrics::Metrics, random::Random};

    #[tokio::test(start_paused = true)]
    async fn the_metric_ready_is_1_only_if_the_process_is_ready() {
        let lifecycle = Lifecycle::without_signals(Duration::from_secs(20), Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        let metrics = Metrics::new("", "");
        health.observe(&metrics.meter());
        let reports = |ready| {
            metrics
                .text()
                .contains(&format!("\nstock_tracker_ready {ready}\n"))
        };
        assert!(reports(0));
        health.database_answered();
        health.migrated();
        assert!(reports(1));
        tokio::time::advance(MAX_SILENCE + Duration::from_millis(1)).await;
        assert!(reports(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_if_migrated_answered_and_not_draining() {
        let lifecycle = Lifecycle::without_signals(Duration::from_secs(20), Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        assert_eq!(health.ready(), Err(NotReady::DatabaseSilent));
        health.database_answered();
        assert_eq!(health.ready(), Err(NotReady::NotMigrated));
        health.migrated();
        assert_eq!(health.ready(), Ok(()));
        tokio::time::advance(MAX_SILENCE).await;
        assert_eq!((health.ready(), health.silence()), (Ok(()), None));
        tokio::time::advance(SILENCE_MARGIN).await;
        assert_eq!(health.ready(), Err(NotReady::DatabaseSilent));
        assert_eq!(health.silence(), Some(MAX_SILENCE + SILENCE_MARGIN));
        health.database_lost().await;
        health.database_answered();
        assert_eq!(health.ready(), Ok(()));
        let answered = Instant::now();
        health.database_lost().await;
        assert_eq!(answered.elapsed(), MAX_SILENCE + SILENCE_MARGIN);
        health.database_answered();
        lifecycle.shutdown().begin();
        assert_eq!(health.ready(), Err(NotReady::Draining));
    }
}
