//! Carries the feed onto the board and into the hub.
//!
//! One invariant: an error of the database only delays; the same place is read again until it can be. What is gone by
//! then cuts the hub's readers off, who read on in the tables, and has the board read anew. The board comes first, so that
//! whoever was told of something finds it there.

use std::time::Duration;

use runtime::{clock::SharedClock, metric::ServeMetrics};
use store::feed::{FeedFollower, Followed};

use tokio::time::timeout;

use super::Hub;
use crate::board::Board;

/// How long to wait after an error.
const RETRY: Duration = Duration::from_millis(250);
/// How long a look at the feed may take: a connection whose other end is gone without a word never answers.
const LONGEST: Duration = Duration::from_secs(5);

/// Publishes what the feed says for as long as it is polled.
pub(crate) async fn follow(
    mut follower: FeedFollower,
    board: Board,
    hub: Hub,
    clock: SharedClock,
    metrics: ServeMetrics,
) {
    loop {
        match timeout(LONGEST, follower.read_once()).await {
            Ok(Ok(Followed::Lost(position))) => {
                tracing::warn!(
                    seq = position.seq,
                    "this process was cut off for longer than the feed is kept; its subscribers read the tables"
                );
                while let Err(error) = board.read_again(follower.store()).await {
                    tracing::warn!(error = %error, "the board cannot be read");
                    tokio::time::sleep(RETRY).await;
                }
                hub.restart(position);
            }
            Ok(Ok(Followed::Batches(batches))) if batches.is_empty() => {
                metrics.feed_followed(Duration::ZERO);
                follower.wait().await;
            }
            Ok(Ok(Followed::Batches(batches))) => {
                for batch in batches {
                    let lag = clock.now().since(batch.end.recorded_at);
                    metrics.feed_followed(lag);
                    board.pass(&batch);
                    hub.publish(batch, lag);
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the feed cannot be read");
                tokio::time::sleep(RETRY).await;
            }
            Err(_) => tracing::warn!("the feed cannot be read: the database does not answer"),
        }
    }
}
