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
