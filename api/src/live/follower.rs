//! Follows the feed: applies each batch to the quote board, then publishes it to the hub.
//!
//! The board is first, so that a client that received an event finds it on the board. A database
//! error only delays: the read is retried at the same position. If batches were deleted before they
//! were read, the board is reloaded and the hub's readers continue in the tables. If the feed was
//! replaced by another one, the board is reloaded and the hub's readers are disconnected.

use std::time::Duration;

use runtime::{clock::SharedClock, outage_log::OutageLog};
use store::{
    Store,
    feed::{FeedFollower, FeedUpdate},
};
use tokio::time::Instant;

use super::hub::Hub;
use crate::{metrics::ServeMetrics, quote_board::QuoteBoard};

/// Delay before a failed read is retried.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// Timeout of one read. A connection whose peer vanished never answers.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Minimum time between two reads of the retention watermark.
const WATERMARK_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the feed until the future is dropped.
pub(crate) async fn follow(
    mut follower: FeedFollower,
    board: QuoteBoard,
    hub: Hub,
    clock: SharedClock,
    metrics: ServeMetrics,
) {
    let mut outage = OutageLog::new("failed to read the feed", "reading the feed again");
    let mut watermark_read_at = Instant::now();
    loop {
        let read = store::with_timeout(READ_TIMEOUT, follower.read_once()).await;
        outage.record(&read);
        let Ok(update) = read else {
            metrics.feed_followed(hub.lag());
            tokio::time::sleep(RETRY_DELAY).await;
            continue;
        };
        hub.mark_read();
        if watermark_read_at.elapsed() >= WATERMARK_INTERVAL {
            watermark_read_at = Instant::now();
            update_watermark(&board, follower.store()).await;
        }
        match update {
            FeedUpdate::Lost(position) => {
                tracing::warn!(
                    seq = position.seq,
                    "the feed was pruned before it was read; subscribers continue from the tables"
                );
                reload(&board, follower.store()).await;
                hub.restart(position);
            }
            FeedUpdate::Replaced(position) => {
                tracing::error!(
                    seq = position.seq,
                    "the feed was replaced (database restored, or a standby without its end \
                     promoted); disconnecting subscribers"
                );
                reload(&board, follower.store()).await;
                hub.replace(position);
            }
            FeedUpdate::Batches(batches) if batches.is_empty() => {
                metrics.feed_followed(Duration::ZERO);
                follower.wait().await;
            }
            FeedUpdate::Batches(batches) => {
                for batch in batches {
                    let lag = clock.now().since(batch.end.recorded_at);
                    metrics.feed_followed(lag);
                    board.apply(&batch);
                    hub.publish(batch, lag);
                }
            }
        }
    }
}

/// Updates the board's retention watermark. A failure is not an error: the next read succeeds or
/// the database is away.
async fn update_watermark(board: &QuoteBoard, store: &Store) {
    let read = store::price::pruned_seq(store.database.read());
    match store::with_timeout(READ_TIMEOUT, read).await {
        Ok(seq) => board.set_pruned_seq(seq),
        Err(error) => tracing::debug!(
            error = error.as_dyn(),
            "failed to read the retention watermark"
        ),
    }
}

async fn reload(board: &QuoteBoard, store: &Store) {
    while let Err(error) = board.reload(store).await {
        tracing::warn!(error = error.as_dyn(), "failed to reload the quote board");
        tokio::time::sleep(RETRY_DELAY).await;
    }
}
