//! The tables, as SeaORM entities.
//!
//! Clients never see these types; they see the types in the root of the crate. So a table can
//! change without a change of the API.

#![expect(
    missing_docs,
    reason = "a column is documented only if its name does not explain it"
)]

pub mod alert;
pub mod alert_rule;
pub mod backfill;
pub mod candle;
pub mod delivery;
pub mod delivery_attempt;
pub mod feed;
pub mod feed_head;
pub mod held_price;
pub mod poll_request;
pub mod provider;
pub mod provider_call;
pub mod quote;
pub mod rule_reference;
pub mod rule_state;
pub mod split;
pub mod split_check;
pub mod stock;
pub mod stock_price;
pub mod webhook;
pub mod webhook_rule;
pub mod webhook_stock;
