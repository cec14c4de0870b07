//! What the feed carries.
//!
//! One invariant: an event is written in the transaction that makes it true, and holds all that a reader needs to tell
//! of it, so that delivery asks the database for nothing that the event already says.

use serde::{Deserialize, Serialize};

use crate::{Alert, Position, Price, Stock};

/// Something that happened, at its own place in the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// A price was stored.
    QuoteRecorded {
        /// The price.
        price: Price,
        /// Its stock, as it was then.
        stock: Stock,
    },
    /// An alert fired: because of the price before it, or of one before that was held.
    AlertFired {
        /// The alert.
        alert: Alert,
    },
    /// A stock was tracked, untracked or renamed, or its number of alerts changed without a price.
    StockChanged {
        /// Its place in the feed.
        seq: i64,
        /// The stock, as it is now.
        stock: Stock,
    },
}

impl Event {
    /// Its place in the feed.
    pub fn seq(&self) -> i64 {
        match self {
            Self::QuoteRecorded { price, .. } => price.seq,
            Self::AlertFired { alert } => alert.seq,
            Self::StockChanged { seq, .. } => *seq,
        }
    }
}

/// The events of one transaction, in order: one row of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The last event's position, with the instant at which the transaction recorded them all.
    pub end: Position,
    /// What happened.
    pub events: Vec<Event>,
}
