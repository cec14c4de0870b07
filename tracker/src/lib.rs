//! Polls market-data providers, stores exact prices and fires alerts.
//!
//! One invariant: a price, the alerts it causes and the feed entry that tells of them commit in one transaction
//! ([`ingest`]), and whatever leads to it ([`provider`], [`schedule`], [`budget`], [`Tracker`]) may be repeated, killed or
//! raced without storing or telling anything twice. The program of this name runs one; so does `api`, when one
//! process is the whole product.

pub mod alert;
pub mod budget;
pub mod candle;
mod engine;
mod host;
pub mod ingest;
mod maintenance;
pub mod market;
pub mod provider;
pub mod quote;
pub mod reference;
mod roster;
pub mod schedule;
mod status;

pub use self::{
    engine::Rules,
    host::{Tracker, retention_of, seed_of},
    roster::{Roster, RosterError},
};
