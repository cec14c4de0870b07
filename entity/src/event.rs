//! The value types of the events in the feed.
//!
//! An event is written in the same transaction as the change it describes, and contains everything
//! a reader needs, so delivery does not query the database.

use serde::{Deserialize, Serialize};

use crate::{Alert, AlertRule, Position, Price, Stock};

/// An event, with its own position in the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A price was stored.
    QuoteRecorded {
        /// The price.
        price: Price,
        /// The stock at that time.
        stock: Stock,
    },
    /// An alert fired, for the price event before it or for an earlier price that was held.
    AlertFired {
        /// The alert.
        alert: Alert,
    },
    /// An alert was acknowledged, or lost its rule.
    AlertChanged {
        /// The position in the feed.
        seq: i64,
        /// The alert after the change, with its own position.
        alert: Alert,
    },
    /// A stock was tracked, untracked or renamed, or its number of alerts changed without a price.
    StockChanged {
        /// The position in the feed.
        seq: i64,
        /// The stock after the change.
        stock: Stock,
    },
    /// A rule was created, changed or deleted.
    RuleChanged {
        /// The position in the feed.
        seq: i64,
        /// The rule after the change.
        rule: AlertRule,
    },
    /// The splits of a stock changed.
    SplitsChanged {
        /// The position in the feed.
        seq: i64,
        /// The stock.
        stock_id: i64,
    },
}

impl Event {
    /// The event's position in the feed.
    pub fn seq(&self) -> i64 {
        match self {
            Self::QuoteRecorded { price, .. } => price.seq,
            Self::AlertFired { alert } => alert.seq,
            Self::AlertChanged { seq, .. }
            | Self::StockChanged { seq, .. }
            | Self::RuleChanged { seq, .. }
            | Self::SplitsChanged { seq, .. } => *seq,
        }
    }
}

/// The events of one transaction, in order; one row of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The position of the last event, with the time at which the transaction recorded all of them.
    pub end: Position,
    /// The events.
    pub events: Vec<Event>,
}
