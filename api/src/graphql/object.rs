//! The object types of the GraphQL schema.
//!
//! They refer to each other (a stock has alerts, an alert has a stock), so they share one module.

mod alert;
mod candle;
mod connection;
mod delivery;
mod node;
mod price;
mod rule;
mod rule_test;
mod status;
mod stock;
mod symbol_match;
mod webhook;

pub(super) use alert::AlertObject;
pub(super) use candle::{CandleObject, candle_arguments, write_candles};
pub(super) use connection::{
    AlertConnection, AlertCount, Listed, PriceConnection, StockConnection, history_arguments,
    page_arguments, write_alerts, write_prices,
};
pub(super) use delivery::DeliveryObject;
pub(super) use node::{Node, NodeKind, find, global_id, parse_id};
pub(super) use price::PriceObject;
pub(super) use rule::RuleObject;
pub(super) use rule_test::RuleTestObject;
pub(super) use status::StatusObject;
pub(super) use stock::StockObject;
pub(super) use symbol_match::SymbolMatchObject;
pub(super) use webhook::WebhookObject;
