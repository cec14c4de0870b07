//! The value type of a stock, as events and clients see it.

use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};

use crate::{Symbol, Timestamp};

/// A stock that is or was tracked. Its id never changes.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Stock {
    /// The id.
    pub id: i64,
    /// The ticker.
    pub symbol: Symbol,
    /// The name of the company, if known.
    pub name: Option<String>,
    /// The ISO 4217 code of its currency.
    pub currency: Option<String>,
    /// The exchange.
    pub exchange: Option<String>,
    /// Whether it is polled.
    pub tracked: bool,
    /// When its tracking last began.
    pub tracked_at: Timestamp,
    /// The time of the last answer of a provider, even if it had no price or the same one.
    pub answered_at: Option<Timestamp>,
    /// The number of its alerts.
    pub alert_count: i64,
    /// The number of consecutive answers without a price; 0 in feed entries that were written
    /// before this field existed.
    #[serde(default)]
    pub unpriced_answers: i32,
}

impl From<crate::table::stock::Model> for Stock {
    fn from(row: crate::table::stock::Model) -> Self {
        Self {
            id: row.id,
            symbol: row.symbol,
            name: row.name,
            currency: row.currency,
            exchange: row.exchange,
            tracked: row.tracked,
            tracked_at: row.tracked_at,
            answered_at: row.answered_at,
            alert_count: row.alert_count,
            unpriced_answers: row.unpriced_answers,
        }
    }
}
