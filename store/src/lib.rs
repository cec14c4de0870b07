//! Storage: the database, every query, and the feed of changes.
//!
//! A change that clients see is written through a [`feed::FeedTransaction`]. It is therefore
//! committed before any client receives it, and has one position in the feed. `tracker` writes
//! prices and alerts, `api` writes stocks and follows the feed.

pub mod alert;
pub mod backfill;
pub mod candle;
pub mod database;
pub mod delivery;
mod error;
pub mod feed;
pub mod held_price;
pub mod lease;
mod month;
mod open;
pub mod page;
mod partition;
pub mod poll_request;
pub mod price;
pub mod priority;
pub mod provider;
pub mod retention;
mod rows;
pub mod rule;
mod seed;
mod snapshot;
pub mod split;
pub mod sql;
pub mod stock;
pub mod stream_holder;
pub mod symbol_search;
pub mod webhook;

pub use error::{Error, with_timeout};
pub use open::{OpenError, open};
use runtime::clock::SharedClock;
pub use seed::{Seed, seed};
pub use snapshot::{RecentPages, RecentSizes, Snapshot, recent, snapshot};

use crate::{
    database::Database,
    feed::{Doorbell, FeedStream},
    partition::Partitions,
};

/// The database, and the clock, notifications and stream of everything that uses it. Clones share
/// their state.
#[derive(Clone)]
pub struct Store {
    /// The database.
    pub database: Database,
    /// The clock of recorded times.
    pub clock: SharedClock,
    /// Notifies tasks that wait for changes.
    pub doorbell: Doorbell,
    partitions: Partitions,
    /// The stream that delivers the feed to followers, if one is configured.
    pub stream: Option<FeedStream>,
}

impl Store {
    /// Creates a store of `database`.
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self {
            database,
            clock,
            doorbell: Doorbell::new(),
            partitions: Partitions::new(),
            stream: None,
        }
    }

    /// Makes followers read the feed from a stream, into which [`relay_feed`](feed::relay_feed)
    /// must copy it.
    #[must_use]
    pub fn with_stream(self, stream: FeedStream) -> Self {
        Self {
            stream: Some(stream),
            ..self
        }
    }
}
