//! The copy of the feed in NATS JetStream, for processes that follow it.
//!
//! The stream contains each batch once, in feed order, independent of the number of writers: an
//! entry is accepted only directly after the last entry its writer has seen. The table is the
//! source of truth; if the stream is lost, followers read the table instead.

mod entry;
mod relay;
mod source;

use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, ServerAddr,
    jetstream::{
        self,
        consumer::{DeliverPolicy, pull},
        context::PublishErrorKind,
        message::PublishMessage,
        stream::{Config, Stream},
    },
};
use entity::Batch;
use runtime::config::StreamUrl;

use self::entry::StreamEntry;

pub use self::relay::relay_feed;
pub(crate) use self::source::StreamSource;
use crate::Error;

/// Timeout of requests to NATS.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// An error of the stream.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The server URLs are invalid, or the connection task has ended.
    #[error("cannot connect to NATS")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// NATS does not respond, or responds with an error.
    #[error("the feed stream is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An entry has an unknown format.
    #[error("an entry of the feed stream is malformed")]
    Malformed(#[source] serde_json::Error),
    /// The table cannot be read.
    #[error("cannot read the feed from the database")]
    Table(#[source] Error),
}

/// A connection to the stream. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FeedStream {
    client: Client,
    max_age: Duration,
}

/// The last entry of the stream.
#[derive(Clone, Copy, Debug)]
struct Tail {
    /// The sequence number in the stream, 0 before the first entry.
    sequence: u64,
    /// The position of its last event in the feed, 0 if the entry was deleted.
    seq: i64,
}

impl FeedStream {
    /// Connects in the background as soon as NATS is reachable. The stream keeps entries for
    /// `max_age`.
    pub async fn connect(url: &StreamUrl, max_age: Duration) -> Result<Self, StreamError> {
        let connect = |error| StreamError::Connect(error);
        let servers: Result<Vec<ServerAddr>, _> =
            url.expose().map(|it| it.expose().parse()).collect();
        let servers = servers.map_err(|error: std::io::Error| connect(error.into()))?;
        let client = ConnectOptions::new()
            .name("stock-tracker")
            .retry_on_initial_connect()
            .request_timeout(Some(REQUEST_TIMEOUT))
            .connect(servers)
            .await
            .map_err(|error| connect(error.into()))?;
        Ok(Self { client, max_age })
    }

    /// Returns the stream of a feed, which is created if it does not exist.
    async fn open(&self, epoch: i64) -> Result<Stream, StreamError> {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(REQUEST_TIMEOUT);
        let name = name(epoch);
        let config = Config {
            subjects: vec![name.clone()],
            name,
            description: Some("Committed events of Stock Tracker, in order".to_owned()),
            max_age: self.max_age,
            ..Config::default()
        };
        context
            .get_or_create_stream(config)
            .await
            .map_err(unavailable)
    }

    /// Returns the last entry of the stream.
    async fn tail(&self, stream: &Stream) -> Result<Tail, StreamError> {
        let state = stream.get_info().await.map_err(unavailable)?.state;
        let sequence = state.last_sequence;
        if state.messages == 0 {
            return Ok(Tail { sequence, seq: 0 });
        }
        let last = stream
            .get_raw_message(sequence)
            .await
            .map_err(unavailable)?;
        let seq = StreamEntry::read(&last.payload)?.seq();
        Ok(Tail { sequence, seq })
    }

    /// Appends a batch directly after `tail`. Returns `None` if another process appended first.
    async fn append(&self, batch: &Batch, tail: Tail) -> Result<Option<Tail>, StreamError> {
        let max_size = self.client.server_info().max_payload;
        let message = PublishMessage::build()
            .payload(StreamEntry::write(batch, max_size)?.into())
            .expected_last_sequence(tail.sequence);
        let context = jetstream::new(self.client.clone());
        let published = context.send_publish(name(batch.end.epoch), message).await;
        let acknowledged = match published {
            Ok(ack) => tokio::time::timeout(REQUEST_TIMEOUT, ack.into_future())
                .await
                .map_err(unavailable)?,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) => Ok(Some(Tail {
                sequence: ack.sequence,
                seq: batch.end.seq,
            })),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Subscribes to entries appended from now on, in order.
    async fn listen(&self, epoch: i64) -> Result<pull::Ordered, StreamError> {
        let stream = self.open(epoch).await?;
        let last = stream
            .get_info()
            .await
            .map_err(unavailable)?
            .state
            .last_sequence;
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(unavailable)?;
        consumer.messages().await.map_err(unavailable)
    }
}

/// The name and only subject of the stream. It includes the epoch, so that entries of different
/// databases are never mixed.
fn name(epoch: i64) -> String {
    format!("stock_tracker_feed_{epoch:016x}")
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> StreamError {
    StreamError::Unavailable(error.into())
}
