//! Going away without a stampede: clients are sent off one by one over a given time.
//!
//! Invariant: nobody leaves before the signal, and nobody is kept longer than `spread` after it.
//! Built by the application's shutdown, observed by every long-lived connection.

use std::{fmt, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

/// A signal that the server is going away, and how long departures may take.
#[derive(Clone)]
pub struct Drain {
    signal: CancellationToken,
    spread: Duration,
    jitter: Arc<dyn Fn(Duration) -> Duration + Send + Sync>,
}

impl Drain {
    /// Sends each client off at `jitter(spread)` after `signal`, at most `spread` after it.
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

    /// Whether no new long-lived connection should begin.
    pub fn is_draining(&self) -> bool {
        self.signal.is_cancelled()
    }

    /// Ends when the caller's connection should.
    pub(crate) fn departure(&self) -> impl Future<Output = ()> + Send + 'static {
        let drain = self.clone();
        // Of its own, because everybody who waits for one token locks it whenever they are polled.
        let signal = self.signal.child_token();
        async move {
            signal.cancelled().await;
            tokio::time::sleep((drain.jitter)(drain.spread).min(drain.spread)).await;
        }
    }
}

impl Default for Drain {
    /// Never goes away.
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
    async fn everybody_leaves_at_a_time_of_their_own_within_the_spread() {
        let signal = CancellationToken::new();
        for (jitter, expected) in [(0, 0), (3, 3), (7, 7), (100, 7)] {
            let signal = signal.child_token();
            let spread = Duration::from_secs(7);
            let drain = Drain::new(signal.clone(), spread, move |_| Duration::from_secs(jitter));
            let departure = drain.departure();
            tokio::pin!(departure);
            let early = tokio::time::timeout(Duration::from_hours(1), &mut departure).await;
            assert!(early.is_err(), "nobody leaves before the signal");
            assert!(!drain.is_draining());
            let signalled = Instant::now();
            signal.cancel();
            departure.await;
            assert_eq!(signalled.elapsed(), Duration::from_secs(expected));
            assert!(drain.is_draining());
        }
    }
}
