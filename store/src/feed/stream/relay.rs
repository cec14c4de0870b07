//! Copies the feed's table into its stream.
//!
//! One invariant: any number of processes may do this at once; an entry that two of them append is taken once, and
//! whoever comes second looks again where the stream ends. A process that dies between a commit and its copy leaves it
//! to the others, which look each second.

use std::time::Duration;

use super::{FeedStream, StreamError};
use crate::{
    Store,
    feed::{Bell, table},
};

/// How long to wait after an error.
const RETRY: Duration = Duration::from_millis(500);

/// Copies for as long as it is polled.
pub async fn relay_feed(store: Store, stream: FeedStream) {
    let mut bell = store.doorbell.listen(Bell::Feed);
    let mut told = false;
    loop {
        match relay_once(&store, &stream).await {
            Ok(()) => {
                if std::mem::take(&mut told) {
                    tracing::info!("the feed is copied into its stream again");
                }
                bell.rung().await;
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the feed cannot be copied into its stream"
                    );
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Copies what is missing at the stream's end.
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
            let Some(longer) = feed.append(batch, tail).await? else {
                // Somebody else was first: what is missing now is another question.
                tail = feed.tail(&stream).await?;
                break;
            };
            tail = longer;
        }
    }
}
