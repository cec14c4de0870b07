//! Copies the table of the feed to its stream.
//!
//! Any number of processes may do this at once: if two append the same entry, one is rejected and
//! reads the end of the stream again. A process that dies between a commit and the copy is covered
//! by the others, which poll every second.

use std::time::Duration;

use runtime::outage_log::OutageLog;

use super::{FeedStream, StreamError};
use crate::{Store, feed::table};

/// Delay after an error.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Copies the feed while it is polled.
pub async fn relay_feed(store: Store, stream: FeedStream) {
    let mut notifications = store.doorbell.feed();
    let mut outage = OutageLog::new(
        "failed to copy the feed to its stream",
        "resumed copying the feed to its stream",
    );
    loop {
        if outage.record(&relay_once(&store, &stream).await) {
            notifications.notified().await;
        } else {
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }
}

/// Copies the batches that the stream does not have yet.
async fn relay_once(store: &Store, feed: &FeedStream) -> Result<(), StreamError> {
    let end = table::end(store).await.map_err(StreamError::Table)?;
    let stream = feed.open(end.epoch).await?;
    let mut tail = feed.tail(&stream).await?;
    loop {
        let batches = table::kept_after(store, tail.seq)
            .await
            .map_err(StreamError::Table)?;
        if batches.is_empty() {
            return Ok(());
        }
        for batch in &batches {
            let Some(new_tail) = feed.append(batch, tail).await? else {
                // Another process appended first: continue at the new end.
                tail = feed.tail(&stream).await?;
                break;
            };
            tail = new_tail;
        }
    }
}
