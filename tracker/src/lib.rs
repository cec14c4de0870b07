//! Polls market-data providers, stores exact prices and fires alerts.
//!
//! A price, the alerts that it triggers and the feed entry that announces them are committed in
//! one transaction ([`ingest`]). Polling can be killed or repeated at any point, and several
//! trackers can race, without storing or announcing anything twice. Alerts are sent to webhooks
//! at least once ([`deliveries`]). The program `tracker` runs a [`Tracker`]; on SQLite, `api`
//! does.

pub mod alert;
pub mod budget;
mod candle;
mod deliveries;
pub mod ingest;
mod maintenance;
pub mod metrics;
mod poller;
pub mod provider;
mod providers;
pub mod quote;
pub mod reference;
pub mod schedule;
mod status;
mod stream;
mod supervisor;

pub use self::{
    poller::{PollSettings, SearchSettings},
    providers::{Providers, ProvidersError},
    stream::StreamSettings,
    supervisor::Tracker,
};
