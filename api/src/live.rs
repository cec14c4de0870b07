//! Live events: the [`Hub`] fans the feed out to its readers, and [`follow`] reads the feed.

mod event;
mod follower;
mod hub;
mod inbox;

pub(crate) use self::{
    event::FeedEvent,
    follower::follow,
    hub::{BacklogLimits, Hub, HubReader},
    inbox::{
        Backpressure, DisconnectReason, DisconnectSignal, Interest, MaxEventSize, ReaderClosed,
    },
};
