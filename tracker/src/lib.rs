//! Polls market-data providers, stores exact prices and fires alerts.

pub mod market;
pub mod provider;
pub mod quote;
