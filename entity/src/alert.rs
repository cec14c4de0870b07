//! A fired alert.

use chrono::NaiveDate;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};

use crate::{AlertKind, Decimal, Direction, Symbol, Timestamp};

/// One alert, as its row says: it exists if and only if that row committed.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity, to deduplicate by.
    pub id: i64,
    /// The stock's row.
    pub stock_id: i64,
    /// The stock's ticker.
    pub symbol: Symbol,
    /// Its place in the feed.
    pub seq: i64,
    /// The rule that fired; `None` once that rule is deleted.
    pub rule_id: Option<i64>,
    /// What the rule watched for.
    pub kind: AlertKind,
    /// Which way the price went.
    pub direction: Direction,
    /// The price that caused it.
    pub price: Decimal,
    /// What the price was compared with.
    pub reference_price: Option<Decimal>,
    /// By how many percent it differed, to 4 decimals.
    pub change_percent: Option<Decimal>,
    /// What was reached: for a percentage the multiple (5, 10, 15 …), otherwise the rule's own threshold.
    pub threshold: Decimal,
    /// The session's date.
    pub trading_day: NaiveDate,
    /// The `recorded_at` of the price that caused it.
    pub triggered_at: Timestamp,
    /// When somebody said that they had seen it.
    pub acknowledged_at: Option<Timestamp>,
    /// When its row was stored, if its price was held and the alert fired later than that.
    #[serde(default)]
    pub fired_at: Option<Timestamp>,
}

impl Alert {
    /// When its row was stored, which is the instant of its position in the feed.
    pub fn recorded_at(&self) -> Timestamp {
        self.fired_at.unwrap_or(self.triggered_at)
    }

    /// A sentence for people: `AAPL rose 5.43% to 196.1`.
    pub fn message(&self) -> String {
        let verb = match self.direction {
            Direction::Up => "rose",
            Direction::Down => "fell",
        };
        let percent = self
            .change_percent
            .map(|percent| percent.round_to(2).to_string());
        match percent.as_deref().map(|text| text.trim_start_matches('-')) {
            Some(percent) => format!("{} {verb} {percent}% to {}", self.symbol, self.price),
            None => format!("{} {verb} to {}", self.symbol, self.price),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_happened() {
        let mut alert = Alert {
            id: 7,
            stock_id: 1,
            symbol: "AAPL".parse().expect("a symbol"),
            seq: 9,
            rule_id: Some(1),
            kind: AlertKind::PercentChange,
            direction: Direction::Up,
            price: "196.10".parse().expect("a price"),
            reference_price: Some(Decimal::from_int(186)),
            change_percent: Some("5.4301".parse().expect("a percentage")),
            threshold: Decimal::from_int(5),
            trading_day: NaiveDate::MIN,
            triggered_at: Timestamp::from_micros(0),
            acknowledged_at: None,
            fired_at: None,
        };
        assert_eq!(alert.message(), "AAPL rose 5.43% to 196.1");
        alert.direction = Direction::Down;
        alert.change_percent = Some("-50.8950".parse().expect("a percentage"));
        assert_eq!(alert.message(), "AAPL fell 50.9% to 196.1");
    }
}
