//! The truth of Stock Tracker, and the feed that tells of it.
//!
//! One invariant: whatever clients are told of is written through a [`feed::FeedTransaction`], so that it is committed
//! before anybody hears of it, at a place that everybody agrees on. `tracker` writes prices and alerts through it,
//! `api` stocks; `api` follows it.

pub mod alert;
pub mod backfill;
pub mod candle;
pub mod database;
mod error;
pub mod feed;
pub mod held;
pub mod lease;
mod month;
mod open;
pub mod page;
mod partition;
pub mod poll_request;
pub mod price;
pub mod provider;
pub mod retention;
mod seed;
mod snapshot;
pub mod split;
pub mod sql;
pub mod stock;

pub use error::{Error, with_timeout};
pub use open::{OpenError, open};
use runtime::clock::SharedClock;
pub use seed::{Seed, seed};
pub use snapshot::{Snapshot, snapshot};

use crate::{
    database::Database,
    feed::{Doorbell, FeedStream},
    partition::Partitions,
};

/// What it takes to write and to follow: cheap to clone.
#[derive(Clone)]
pub struct Store {
    /// Where everything is.
    pub database: Database,
    /// Whose time is recorded.
    pub clock: SharedClock,
    /// Wakes those who wait for what is written.
    pub doorbell: Doorbell,
    partitions: Partitions,
    /// What carries the feed to followers, if it is not the database alone.
    pub stream: Option<FeedStream>,
}

impl Store {
    /// A store over `database`, with a doorbell of its own.
    pub fn new(database: Database, clock: SharedClock) -> Self {
        Self {
            database,
            clock,
            doorbell: Doorbell::new(),
            partitions: Partitions::new(),
            stream: None,
        }
    }

    /// The same, followed through a stream. Somebody has to [copy the feed into it](feed::relay_feed).
    #[must_use]
    pub fn followed_through(self, stream: FeedStream) -> Self {
        Self {
            stream: Some(stream),
            ..self
        }
    }
}
