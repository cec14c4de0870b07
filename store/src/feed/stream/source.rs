//! Reads the feed from its NATS stream, and from the table where the stream has a gap.
//!
//! The table is read at the start, after each error, after an entry that does not follow the last
//! one, and after each second without entries. While entries follow each other, the database is not
//! accessed.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_trait::async_trait;
use entity::{Batch, Position};
use futures_util::{FutureExt, StreamExt};
use runtime::outage_log::OutageLog;

use super::{FeedStream, StreamEntry, StreamError};
use crate::{
    Error, Store,
    feed::{FeedUpdate, TopicSubscription, source::FeedSource, table},
    with_timeout,
};

/// Maximum time without entries before the table is read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum number of entries per read.
const MAX_ENTRIES: usize = 256;

/// A source of the feed that reads the stream.
pub(crate) struct StreamSource {
    stream: FeedStream,
    store: Store,
    /// Notifications about the table, for when the stream is unavailable.
    notifications: TopicSubscription,
    /// The epoch of the feed.
    epoch: i64,
    messages: Option<pull::Ordered>,
    received: Vec<StreamEntry>,
    /// Whether to read the table next.
    read_table_next: bool,
    /// Whether the table is read because the stream delivered nothing.
    silent: bool,
    outage: OutageLog,
}

impl StreamSource {
    /// Creates a source for the feed with this epoch.
    pub(crate) fn new(stream: FeedStream, store: Store, epoch: i64) -> Self {
        Self {
            stream,
            notifications: store.doorbell.feed(),
            store,
            epoch,
            messages: None,
            received: Vec::new(),
            read_table_next: true,
            silent: false,
            outage: OutageLog::new(
                "lost the feed stream, reading the feed from the database",
                "reading the feed from its stream again",
            ),
        }
    }

    /// Reads the table with a timeout, because the stream may continue in the meantime.
    async fn read_table(&mut self, position: Position) -> Result<FeedUpdate, Error> {
        with_timeout(POLL_INTERVAL, table::follow(&self.store, position)).await
    }

    /// Receives the entries that have already arrived.
    fn receive_available(&mut self) {
        while self.received.len() < MAX_ENTRIES
            && let Some(messages) = &mut self.messages
            && let Some(message) = messages.next().now_or_never()
        {
            self.receive(message);
        }
    }

    /// Returns the received batches that follow `position`.
    fn take_batches(&mut self, position: Position) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for entry in self.received.drain(..) {
            let end = batches.last().map_or(position, |batch| batch.end);
            if entry.seq() <= end.seq {
                continue;
            }
            let Some(batch) = entry.batch_after(end) else {
                // The table contains this batch and all later ones.
                self.read_table_next = true;
                break;
            };
            batches.push(batch);
        }
        batches
    }

    fn receive(
        &mut self,
        message: Option<Result<async_nats::jetstream::Message, pull::OrderedError>>,
    ) {
        let entry = match message {
            Some(Ok(message)) => StreamEntry::read(&message.payload),
            Some(Err(error)) => Err(super::unavailable(error)),
            None => Err(super::unavailable(std::io::Error::other(
                "the stream ended",
            ))),
        };
        match entry {
            Ok(entry) => self.received.push(entry),
            Err(error) => self.disconnect(&error),
        }
    }

    fn disconnect(&mut self, error: &StreamError) {
        self.outage.fail(error);
        self.read_table_next = true;
        self.messages = None;
    }
}

#[async_trait]
impl FeedSource for StreamSource {
    async fn wait(&mut self) {
        if self.read_table_next || !self.received.is_empty() {
            return;
        }
        let Some(messages) = &mut self.messages else {
            let messages = tokio::time::timeout(POLL_INTERVAL, self.stream.listen(self.epoch));
            match messages.await {
                Ok(Ok(messages)) => {
                    self.outage.succeed();
                    self.messages = Some(messages);
                }
                Ok(Err(error)) => {
                    self.disconnect(&error);
                    self.notifications.notified().await;
                }
                Err(late) => self.disconnect(&super::unavailable(late)),
            }
            // Batches committed before the subscription are only in the table.
            self.read_table_next = true;
            return;
        };
        let received = tokio::time::timeout(POLL_INTERVAL, messages.next()).await;
        self.silent = received.is_err();
        match received {
            Ok(message) => self.receive(message),
            Err(_) => self.read_table_next = true,
        }
    }

    async fn read(&mut self, position: Position) -> Result<FeedUpdate, Error> {
        self.receive_available();
        let batches = self.take_batches(position);
        if !batches.is_empty() || !self.read_table_next {
            return Ok(FeedUpdate::Batches(batches));
        }
        let update = self.read_table(position).await?;
        // There may be more than one page.
        self.read_table_next = update != FeedUpdate::Batches(Vec::new());
        if self.read_table_next && std::mem::take(&mut self.silent) {
            // The table has batches that the stream did not deliver: the subscription may be lost,
            // which the NATS client notices much later.
            self.messages = None;
        }
        Ok(update)
    }
}
