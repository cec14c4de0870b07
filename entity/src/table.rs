//! The tables, as SeaORM entities.
//!
//! One invariant: nothing here is public schema. What clients read are the values of the crate's root, so that a table
//! may change its shape without a client noticing.

#![expect(
    missing_docs,
    reason = "a column is what its name says; what it does not say is in a comment"
)]

pub mod alert;
pub mod alert_rule;
pub mod backfill;
pub mod candle;
pub mod feed;
pub mod feed_head;
pub mod held_price;
pub mod poll_request;
pub mod provider;
pub mod provider_call;
pub mod quote;
pub mod split;
pub mod split_check;
pub mod stock;
pub mod stock_price;
