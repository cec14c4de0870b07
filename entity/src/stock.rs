//! A stock.

use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};

use crate::{Symbol, Timestamp};

/// One stock that is or was tracked. It keeps its id for ever.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Stock {
    /// Its row.
    pub id: i64,
    /// Its ticker.
    pub symbol: Symbol,
    /// The company's name, if anybody said it.
    pub name: Option<String>,
    /// The currency of its prices, as ISO 4217 writes it.
    pub currency: Option<String>,
    /// Where it trades.
    pub exchange: Option<String>,
    /// Whether it is polled.
    pub tracked: bool,
    /// Since when it is tracked.
    pub tracked_at: Timestamp,
    /// When a provider last answered for it, with something new or not.
    pub answered_at: Option<Timestamp>,
    /// How many alerts it has had.
    pub alert_count: i64,
    /// How many answers in a row gave no price for it. An entry of the feed may lack it.
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
