//! Carries the feed into the hub.
//!
//! One invariant: an error of the database only delays; the same place is read again until it can be. What is gone by
//! then cuts the hub's readers off, who read on in the tables.

use std::time::Duration;

use runtime::{clock::SharedClock, metric::ServeMetrics};
use store::feed::{FeedFollower, Followed};

use super::Hub;

/// How long to wait after an error.
const RETRY: Duration = Duration::from_millis(250);

/// Publishes what the feed says for as long as it is polled.
pub(crate) async fn follow(
    mut follower: FeedFollower,
    hub: Hub,
    clock: SharedClock,
    metrics: ServeMetrics,
) {
    loop {
        match follower.read_once().await {
            Ok(Followed::Lost(position)) => {
                tracing::warn!(
                    seq = position.seq,
                    "this process was cut off for longer than the feed is kept; its subscribers read the tables"
                );
                hub.restart(position);
            }
            Ok(Followed::Batches(batches)) if batches.is_empty() => {
                metrics.feed_followed(Duration::ZERO);
                follower.wait().await;
            }
            Ok(Followed::Batches(batches)) => {
                for batch in batches {
                    let lag = clock.now().since(batch.end.recorded_at);
                    metrics.feed_followed(lag);
                    hub.publish(batch, lag);
                }
            }
            Err(error) => {
                tracing::warn!(error = %error, "the feed cannot be read");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
