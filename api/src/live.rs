//! Live events: the [`Hub`] fans the feed out to its readers, [`follow`] reads the feed, and
//! [`report_followed`] writes which stocks have readers.

mod event;
mod followed;
mod follower;
mod hub;
mod inbox;

pub(crate) use self::{
    event::FeedEvent,
    followed::report_followed,
    follower::follow,
    hub::{BacklogLimits, Hub, HubReader},
    inbox::{
        Backpressure, DisconnectReason, DisconnectSignal, Interest, MaxEventSize, ReaderClosed,
    },
};
