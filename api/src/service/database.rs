//! Runs database operations, with retries of reads, and fails fast in an outage.
//!
//! An operation fails as soon as the health check finds the database away, within 2 s of its last
//! answer. A read whose connection breaks while the database is up is retried.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Error, Service};

/// Delay before the first retry of a read. It doubles with each retry.
const RETRY_DELAY: Duration = Duration::from_millis(50);
/// Maximum time for the retries of a read.
const RETRY_TIMEOUT: Duration = Duration::from_secs(3);

impl Service {
    /// How long answers from memory have been stale: the time since the database was lost or the
    /// feed stalled. `None` if they are current.
    pub(crate) fn staleness_age(&self) -> Option<Duration> {
        self.health.silence().or_else(|| self.hub.feed_stall())
    }

    /// Runs a read-only operation. Retries it if its connection breaks.
    pub(super) async fn read<T, F>(&self, operation: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, store::Error>>,
    {
        let mut delay = RETRY_DELAY;
        let started = Instant::now();
        loop {
            let error = match self.while_connected(operation()).await {
                Ok(answer) => {
                    self.health.database_answered();
                    return Ok(answer);
                }
                Err(error) if error.is_cut_off() && started.elapsed() < RETRY_TIMEOUT => error,
                Err(error) => return Err(error),
            };
            tracing::debug!(cause = ?error.cause(), "retrying a read");
            tokio::select! {
                () = sleep(delay) => delay *= 2,
                () = self.health.database_lost() => return Err(error),
            }
        }
    }

    /// Runs an operation. Fails as soon as the database is away.
    pub(super) async fn while_connected<T>(
        &self,
        operation: impl Future<Output = Result<T, store::Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.health.database_lost() => Err(Error::away()),
            result = operation => Ok(result?),
        }
    }
}
