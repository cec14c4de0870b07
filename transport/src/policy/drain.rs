//! Drain: closes long-lived connections on shutdown, spread over time so that clients do not all
//! reconnect at once.

use std::{fmt, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::error::RequestError;

/// A shutdown signal, and the time over which connections close after it.
#[derive(Clone)]
pub struct Drain {
    signal: CancellationToken,
    spread: Duration,
    jitter: Arc<dyn Fn(Duration) -> Duration + Send + Sync>,
}

impl Drain {
    /// Closes each connection `jitter(spread)` after `signal`, at most `spread` after it.
    pub fn new(
        signal: CancellationToken,
        spread: Duration,
        jitter: impl Fn(Duration) -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self {
            signal,
            spread,
            jitter: Arc::new(jitter),
        }
    }

    /// Whether the server is shutting down.
    pub(crate) fn is_draining(&self) -> bool {
        self.signal.is_cancelled()
    }

    /// Rejects a new long-lived connection if the server is shutting down.
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        if self.is_draining() {
            return Err(RequestError::unavailable("the server is shutting down", 1));
        }
        Ok(())
    }

    /// Completes when the caller's connection should close.
    pub(crate) fn departure(&self) -> impl Future<Output = ()> + Send + 'static {
        let drain = self.clone();
        // All waiters of a token contend for its lock, so each connection has a token.
        let signal = self.signal.child_token();
        async move {
            signal.cancelled().await;
            tokio::time::sleep((drain.jitter)(drain.spread).min(drain.spread)).await;
        }
    }
}

impl Default for Drain {
    /// Never drains.
    fn default() -> Self {
        Self::new(CancellationToken::new(), Duration::ZERO, |spread| spread)
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("is_draining", &self.is_draining())
            .field("spread", &self.spread)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_connection_closes_at_a_different_time_within_the_spread() {
        let signal = CancellationToken::new();
        for (jitter, expected) in [(0, 0), (3, 3), (7, 7), (100, 7)] {
            let signal = signal.child_token();
            let spread = Duration::from_secs(7);
            let drain = Drain::new(signal.clone(), spread, move |_| Duration::from_secs(jitter));
            let departure = drain.departure();
            tokio::pin!(departure);
            let early = tokio::time::timeout(Duration::from_hours(1), &mut departure).await;
            assert!(early.is_err(), "no connection closes before the signal");
            assert!(!drain.is_draining());
            let signalled = Instant::now();
            signal.cancel();
            departure.await;
            assert_eq!(signalled.elapsed(), Duration::from_secs(expected));
            assert!(drain.is_draining());
        }
    }
}
