//! The feed's stream in NATS JetStream: a copy of the feed's table, for processes that follow it.
//!
//! One invariant: the stream has each batch once, in the feed's order, however many processes append: an entry is taken
//! only after the one that its writer saw last. The table stays the truth; a stream that is lost costs reads of the
//! table, and nothing else.

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

use self::entry::Entry;
pub use self::relay::relay_feed;
pub(crate) use self::source::StreamSource;

/// How long a request to NATS may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the stream cannot be used just now.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The servers' URLs cannot be used, or the connection's task is gone.
    #[error("NATS cannot be connected to")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// NATS does not answer, or not as hoped.
    #[error("the feed's stream cannot be reached")]
    Reach(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An entry is not of this product.
    #[error("an entry of the feed's stream is unreadable")]
    Unreadable(#[source] serde_json::Error),
    /// The table cannot be read.
    #[error("the feed cannot be read")]
    Table(#[source] sea_orm::DbErr),
}

/// A connection to the feed's stream; cheap to clone.
#[derive(Clone, Debug)]
pub struct FeedStream {
    client: Client,
    kept: Duration,
}

/// The stream's last entry.
#[derive(Clone, Copy, Debug)]
struct Tail {
    /// Its number in the stream, 0 before the first.
    sequence: u64,
    /// Its last event's place in the feed, 0 if it is no longer kept.
    seq: i64,
}

impl FeedStream {
    /// Connects, now or as soon as NATS can be reached; the stream keeps what is younger than `kept`.
    pub async fn connect(url: &StreamUrl, kept: Duration) -> Result<Self, StreamError> {
        let connect = |error| StreamError::Connect(error);
        let servers: Result<Vec<ServerAddr>, _> =
            url.expose().map(|it| it.expose().parse()).collect();
        let servers = servers.map_err(|error: std::io::Error| connect(error.into()))?;
        let client = ConnectOptions::new()
            .name("stock-tracker")
            .retry_on_initial_connect()
            .request_timeout(Some(PATIENCE))
            .connect(servers)
            .await
            .map_err(|error| connect(error.into()))?;
        Ok(Self { client, kept })
    }

    /// The stream of a feed's life, made if it is missing.
    async fn open(&self, epoch: i64) -> Result<Stream, StreamError> {
        let mut context = jetstream::new(self.client.clone());
        context.set_timeout(PATIENCE);
        let name = name(epoch);
        let config = Config {
            subjects: vec![name.clone()],
            name,
            description: Some("What Stock Tracker has committed, in order".to_owned()),
            max_age: self.kept,
            ..Config::default()
        };
        context.get_or_create_stream(config).await.map_err(reach)
    }

    /// What the stream ends with.
    async fn tail(&self, stream: &Stream) -> Result<Tail, StreamError> {
        let state = stream.get_info().await.map_err(reach)?.state;
        let sequence = state.last_sequence;
        if state.messages == 0 {
            return Ok(Tail { sequence, seq: 0 });
        }
        let last = stream.get_raw_message(sequence).await.map_err(reach)?;
        let seq = Entry::read(&last.payload)?.seq();
        Ok(Tail { sequence, seq })
    }

    /// Appends a batch right after `tail`. `None` if somebody else has appended meanwhile.
    async fn append(&self, batch: &Batch, tail: Tail) -> Result<Option<Tail>, StreamError> {
        let longest = self.client.server_info().max_payload;
        let message = PublishMessage::build()
            .payload(Entry::write(batch, longest)?.into())
            .expected_last_sequence(tail.sequence);
        let context = jetstream::new(self.client.clone());
        let sent = context.send_publish(name(batch.end.epoch), message).await;
        let taken = match sent {
            Ok(taking) => tokio::time::timeout(PATIENCE, taking.into_future())
                .await
                .map_err(reach)?,
            Err(error) => Err(error),
        };
        match taken {
            Ok(taken) => Ok(Some(Tail {
                sequence: taken.sequence,
                seq: batch.end.seq,
            })),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(reach(error)),
        }
    }

    /// What is appended from now on, in order.
    async fn listen(&self, epoch: i64) -> Result<pull::Ordered, StreamError> {
        let stream = self.open(epoch).await?;
        let last = stream.get_info().await.map_err(reach)?.state.last_sequence;
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(reach)?;
        consumer.messages().await.map_err(reach)
    }
}

/// Its name, and its only subject: of one life of the feed, so that another database's entries never get into it.
fn name(epoch: i64) -> String {
    format!("stock_tracker_feed_{epoch:016x}")
}

fn reach(error: impl std::error::Error + Send + Sync + 'static) -> StreamError {
    StreamError::Reach(error.into())
}
