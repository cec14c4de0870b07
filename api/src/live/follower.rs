//! Carries the feed onto the board and into the hub.
//!
//! One invariant: an error of the database only delays; the same place is read again until it can be. What is gone by
//! then cuts the hub's readers off, who read on in the tables, and has the board read anew; a feed that takes the place of
//! the one that was followed lets them go. The board comes first, so that whoever was told of something finds it there.

use std::time::Duration;

use crate::metrics::ServeMetrics;
use runtime::clock::SharedClock;
use store::{
    Store,
    feed::{FeedFollower, Followed},
};

use super::hub::Hub;
use crate::quote_board::Board;

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
    let mut told = false;
    loop {
        let found = match store::with_timeout(LONGEST, follower.read_once()).await {
            Ok(found) => found,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(error = error.as_dyn(), "the feed cannot be read");
                }
                metrics.feed_followed(hub.lag());
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        hub.look();
        if std::mem::take(&mut told) {
            tracing::info!("the feed is read again");
        }
        match found {
            Followed::Lost(position) => {
                tracing::warn!(
                    seq = position.seq,
                    "this process was cut off for longer than the feed is kept; its subscribers read the tables"
                );
                read_again(&board, follower.store()).await;
                hub.restart(position);
            }
            Followed::Replaced(position) => {
                tracing::error!(
                    seq = position.seq,
                    "the database has another feed than before, as when it was restored, or a standby was promoted that \
                     lacked its end; subscribers are let go, as they may know what it does not"
                );
                read_again(&board, follower.store()).await;
                hub.replace(position);
            }
            Followed::Batches(batches) if batches.is_empty() => {
                metrics.feed_followed(Duration::ZERO);
                follower.wait().await;
            }
            Followed::Batches(batches) => {
                for batch in batches {
                    let lag = clock.now().since(batch.end.recorded_at);
                    metrics.feed_followed(lag);
                    board.pass(&batch);
                    hub.publish(batch, lag);
                }
            }
        }
    }
}

async fn read_again(board: &Board, store: &Store) {
    while let Err(error) = board.read_again(store).await {
        tracing::warn!(error = error.as_dyn(), "the board cannot be read");
        tokio::time::sleep(RETRY).await;
    }
}
