//! Whether the process lives, and whether it may be sent work.
//!
//! One invariant: ready means migrated, a database that answered within the last 2 s, and not draining; providers
//! have no say, and neither question ever waits for anything. `main` starts the probe; both listeners answer from it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use opentelemetry::metrics::Meter;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Shutdown;

/// The database counts as unavailable if its last answer is older than this.
pub const MAX_SILENCE: Duration = Duration::from_secs(2);
/// The least time beyond it.
const INSTANT: Duration = Duration::from_millis(1);
/// The pause between probes.
const PROBE_EVERY: Duration = Duration::from_millis(600);

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

/// What is known of this process' health. Clones share it.
#[derive(Clone, Debug)]
pub struct Health(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    migrated: AtomicBool,
    /// The database was migrated and is another now, without anything of ours.
    bare: AtomicBool,
    answered: Mutex<Option<Instant>>,
    draining: CancellationToken,
}

/// Why the process may not be sent work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It is about to end.
    #[error("draining")]
    Draining,
    /// The database has not answered lately, or not yet.
    #[error("the database does not answer")]
    DatabaseSilent,
    /// The database is not in its newest shape yet.
    #[error("the database is not migrated")]
    NotMigrated,
}

impl Health {
    /// Alive and not ready, until told otherwise.
    pub fn new(shutdown: &Shutdown) -> Self {
        Self(Arc::new(Inner {
            migrated: AtomicBool::new(false),
            bare: AtomicBool::new(false),
            answered: Mutex::new(None),
            draining: shutdown.draining().clone(),
        }))
    }

    /// The database is in its newest shape.
    pub fn migrated(&self) {
        self.0.migrated.store(true, Ordering::Release);
    }

    /// The database answered just now.
    pub fn database_answered(&self) {
        *self.answered() = Some(Instant::now());
    }

    /// Whether the database answered within the last 2 s.
    pub fn is_database_alive(&self) -> bool {
        self.answered()
            .is_some_and(|at| at.elapsed() <= MAX_SILENCE)
    }

    /// For how long the database has not answered, once that is more than 2 s.
    pub fn silence(&self) -> Option<Duration> {
        let silence = self.answered().map_or(Duration::MAX, |at| at.elapsed());
        (silence > MAX_SILENCE).then_some(silence)
    }

    /// Waits until the database has not answered for more than 2 s; not at all if that is so.
    pub async fn database_lost(&self) {
        loop {
            let answered = *self.answered();
            match answered {
                Some(at) if at.elapsed() <= MAX_SILENCE => {
                    sleep_until(at + MAX_SILENCE + INSTANT).await
                }
                _ => return,
            }
        }
    }

    /// Whether work may be sent here.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn ready(&self) -> Result<(), NotReady> {
        if self.0.draining.is_cancelled() {
            return Err(NotReady::Draining);
        }
        if !self.is_database_alive() {
            return Err(NotReady::DatabaseSilent);
        }
        if !self.0.migrated.load(Ordering::Acquire) || self.0.bare.load(Ordering::Acquire) {
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
                self.0.bare.store(is_uninitialized, Ordering::Release);
                self.database_answered();
            }
            match (was_available, is_available) {
                (true, false) => tracing::warn!("the database does not answer"),
                (false, true) => tracing::info!("the database answers again"),
                _ => {}
            }
            was_available = is_available;
            sleep(PROBE_EVERY).await;
        }
    }

    /// Shows in the metrics whether work may be sent here.
    pub fn observe(&self, meter: &Meter) {
        let health = self.clone();
        // The instrument lives in the meter's provider; its handle does nothing.
        let _ = meter
            .u64_observable_gauge("ready")
            .with_description("Whether this process may be sent work: 1, or 0.")
            .with_callback(move |observer| observer.observe(health.ready().is_ok().into(), &[]))
            .build();
    }

    /// `GET /livez` and `GET /readyz`, for any listener.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .with_state(self.clone())
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0
            .answered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
    async fn the_metrics_say_whether_it_is_ready() {
        let lifecycle = Lifecycle::without_signals(Duration::from_secs(20), Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        let metrics = Metrics::new("", "");
        health.observe(&metrics.meter());
        let says = |ready| {
            metrics
                .text()
                .contains(&format!("\nstock_tracker_ready {ready}\n"))
        };
        assert!(says(0));
        health.database_answered();
        health.migrated();
        assert!(says(1));
        tokio::time::advance(MAX_SILENCE + Duration::from_millis(1)).await;
        assert!(says(0));
    }

    #[tokio::test(start_paused = true)]
    async fn ready_means_migrated_answering_and_not_draining() {
        let lifecycle = Lifecycle::without_signals(Duration::from_secs(20), Random::seeded(1));
        let health = Health::new(lifecycle.shutdown());
        assert_eq!(health.ready(), Err(NotReady::DatabaseSilent));
        health.database_answered();
        assert_eq!(health.ready(), Err(NotReady::NotMigrated));
        health.migrated();
        assert_eq!(health.ready(), Ok(()));
        tokio::time::advance(MAX_SILENCE).await;
        assert_eq!((health.ready(), health.silence()), (Ok(()), None));
        tokio::time::advance(INSTANT).await;
        assert_eq!(health.ready(), Err(NotReady::DatabaseSilent));
        assert_eq!(health.silence(), Some(MAX_SILENCE + INSTANT));
        health.database_lost().await;
        health.database_answered();
        assert_eq!(health.ready(), Ok(()));
        let answered = Instant::now();
        health.database_lost().await;
        assert_eq!(answered.elapsed(), MAX_SILENCE + INSTANT);
        health.database_answered();
        lifecycle.shutdown().begin();
        assert_eq!(health.ready(), Err(NotReady::Draining));
    }
}
