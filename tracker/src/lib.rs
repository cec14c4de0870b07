//! Polls market-data providers, stores exact prices and fires alerts.
//!
//! One invariant: a price, the alerts it causes and the feed entry that tells of them commit in one transaction
//! ([`ingest`]), and whatever leads to it ([`provider`], [`schedule`], [`budget`], [`Tracker`]) may be repeated, killed or
//! raced without storing or telling anything twice. The program of this name runs one; so does `api`, when one
//! process is the whole product.

pub mod alert;
pub mod budget;
mod candle;
mod housekeeping;
pub mod ingest;
pub mod lease;
pub mod metrics;
mod poller;
pub mod provider;
mod providers;
pub mod quote;
pub mod reference;
mod request;
pub mod schedule;
mod status;
mod supervisor;

pub use self::{
    poller::Rules,
    providers::{Roster, RosterError},
    supervisor::{Tracker, retention_of, seed_of},
};
