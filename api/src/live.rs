//! Live events: the hub that fans the feed out to its readers, their inboxes, and the follower that
//! reads the feed.

mod event;
mod follower;
mod hub;
mod inbox;

pub(crate) use self::{
    event::Happened,
    follower::follow,
    hub::{Bounds, Hub},
    inbox::{Dismissal, Dismissed, Interest, Largest, Pace, Parted, Reader},
};
