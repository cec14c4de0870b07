//! The feed: all events, in commit order.
//!
//! [`FeedTransaction`] appends and [`FeedFollower`] reads. [`Doorbell`] wakes readers, with or
//! without the new entry: a notification may be lost, so every reader also polls once a second and
//! misses nothing. The database is the source of truth.

mod doorbell;
mod entry;
mod follower;
mod listener;
mod source;
mod stream;
mod table;
mod writer;

pub use doorbell::{Doorbell, Topic, TopicSubscription};
pub use follower::{FeedFollower, FeedUpdate};
pub use listener::relay_notifications;
pub use stream::{FeedStream, StreamError, relay_feed};
pub use table::{end, has};
pub use writer::FeedTransaction;
pub(crate) use {table::end_within, writer::HEAD};
