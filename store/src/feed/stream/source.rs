//! Follows the feed's stream.
//!
//! One invariant: what the stream does not give in order and without a gap is read from the table: after every
//! beginning, every error, every entry that does not follow, and every second of silence. What does follow needs no
//! table.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_trait::async_trait;
use entity::{Batch, Position};
use futures_util::{FutureExt, StreamExt};
use sea_orm::DbErr;

use super::{Entry, FeedStream, StreamError};
use crate::feed::{
    Followed,
    source::{FeedSource, TableSource},
};

/// How long to trust in silence.
const LOOK: Duration = Duration::from_secs(1);
/// The most entries read at once.
const PAGE: usize = 256;

/// A follower's way through the stream.
pub(crate) struct StreamSource {
    stream: FeedStream,
    table: TableSource,
    /// Which life of the feed is followed.
    epoch: i64,
    listening: Option<pull::Ordered>,
    heard: Vec<Entry>,
    /// Whether the table has to be read next.
    look: bool,
    /// Whether that is because the stream said nothing.
    silent: bool,
    /// Whether it was told that the stream cannot be reached.
    told: bool,
}

impl StreamSource {
    /// Follows the feed's life `epoch`.
    pub(crate) fn new(stream: FeedStream, table: TableSource, epoch: i64) -> Self {
        Self {
            stream,
            table,
            epoch,
            listening: None,
            heard: Vec::new(),
            look: true,
            silent: false,
            told: false,
        }
    }

    /// The table's answer, if it has one in time: the stream may go on without it.
    async fn look_at_table(&mut self, position: Position) -> Result<Followed, DbErr> {
        let late = |_| DbErr::Custom("the database does not answer".to_owned());
        let looking = self.table.read(position);
        tokio::time::timeout(LOOK, looking).await.map_err(late)?
    }

    /// Takes what has arrived.
    fn listen(&mut self) {
        while self.heard.len() < PAGE
            && let Some(listening) = &mut self.listening
            && let Some(message) = listening.next().now_or_never()
        {
            self.take(message);
        }
    }

    /// What follows `position` of what was heard.
    fn hear(&mut self, position: Position) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for entry in self.heard.drain(..) {
            let end = batches.last().map_or(position, |batch| batch.end);
            if entry.seq() <= end.seq {
                continue;
            }
            let Some(batch) = entry.batch_after(end) else {
                // It is in the table, and so is what comes after it.
                self.look = true;
                break;
            };
            batches.push(batch);
        }
        batches
    }

    fn take(
        &mut self,
        message: Option<Result<async_nats::jetstream::Message, pull::OrderedError>>,
    ) {
        let entry = match message {
            Some(Ok(message)) => Entry::read(&message.payload),
            Some(Err(error)) => Err(super::reach(error)),
            None => Err(super::reach(std::io::Error::other("the stream has ended"))),
        };
        match entry {
            Ok(entry) => self.heard.push(entry),
            Err(error) => self.lose(&error),
        }
    }

    fn lose(&mut self, error: &StreamError) {
        if !self.told {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the feed is read from the database for now"
            );
        }
        self.told = true;
        self.look = true;
        self.listening = None;
    }
}

#[async_trait]
impl FeedSource for StreamSource {
    async fn wait(&mut self) {
        if self.look || !self.heard.is_empty() {
            return;
        }
        let Some(listening) = &mut self.listening else {
            let listening = tokio::time::timeout(LOOK, self.stream.listen(self.epoch));
            match listening.await {
                Ok(Ok(listening)) => {
                    if std::mem::take(&mut self.told) {
                        tracing::info!("the feed is read from its stream again");
                    }
                    self.listening = Some(listening);
                }
                Ok(Err(error)) => {
                    self.lose(&error);
                    self.table.wait().await;
                }
                Err(late) => self.lose(&super::reach(late)),
            }
            // What was committed before the stream was listened to.
            self.look = true;
            return;
        };
        let heard = tokio::time::timeout(LOOK, listening.next()).await;
        self.silent = heard.is_err();
        match heard {
            Ok(message) => self.take(message),
            Err(_) => self.look = true,
        }
    }

    async fn read(&mut self, position: Position) -> Result<Followed, DbErr> {
        self.listen();
        let batches = self.hear(position);
        if !batches.is_empty() || !self.look {
            return Ok(Followed::Batches(batches));
        }
        let followed = self.look_at_table(position).await?;
        // A full page may have more behind it.
        self.look = followed != Followed::Batches(Vec::new());
        if self.look && std::mem::take(&mut self.silent) {
            // The stream kept silent about this: it may have lost whom it tells, which its client notices much later.
            self.listening = None;
        }
        Ok(followed)
    }
}
