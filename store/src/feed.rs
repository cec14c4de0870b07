//! The feed: everything that happened, in the order in which it was committed.
//!
//! [`FeedTransaction`] appends, [`FeedFollower`] reads, [`Doorbell`] only wakes. The database is the truth: a ring may
//! get lost, a reader looks by itself every second and loses nothing.

mod doorbell;
mod follower;
mod listener;
mod source;
mod stream;
mod table;
mod writer;

pub use doorbell::{Bell, Doorbell, Listening};
pub use follower::{FeedFollower, Followed};
pub use listener::relay_notifications;
pub use stream::{FeedStream, StreamError, relay_feed};
pub use table::{end, has};
pub use writer::FeedTransaction;
pub(crate) use {table::end_within, writer::HEAD};
