//! The value type of a fired alert.

use chrono::NaiveDate;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};

use crate::{AlertKind, Decimal, Direction, Symbol, Timestamp};

/// A fired alert. It exists if and only if its row was committed.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct Alert {
    /// The id, for deduplication.
    pub id: i64,
    /// The id of the stock.
    pub stock_id: i64,
    /// The ticker of the stock.
    pub symbol: Symbol,
    /// The position in the feed.
    pub seq: i64,
    /// The rule that fired; `None` if the rule was deleted.
    pub rule_id: Option<i64>,
    /// The condition of the rule.
    pub kind: AlertKind,
    /// The direction of the price change.
    pub direction: Direction,
    /// The price that triggered the alert.
    pub price: Decimal,
    /// The price it was compared with.
    pub reference_price: Option<Decimal>,
    /// The change in percent, to 4 decimals.
    pub change_percent: Option<Decimal>,
    /// The threshold that was reached: for a percentage the multiple (5, 10, 15 …), otherwise the
    /// threshold of the rule.
    pub threshold: Decimal,
    /// The date of the session.
    pub trading_day: NaiveDate,
    /// The `recorded_at` of the price that triggered the alert.
    pub triggered_at: Timestamp,
    /// When the alert was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// When the alert was stored, if that was later than `triggered_at` because its price was held.
    #[serde(default)]
    pub fired_at: Option<Timestamp>,
    /// The position of the price that caused the alert; `None` for the default rule.
    #[serde(default)]
    pub price_seq: Option<i64>,
    /// The name of the rule when it fired.
    #[serde(default)]
    pub rule_name: Option<String>,
    /// The high or low of the session that touched the threshold, if the price did not reach it.
    #[serde(default)]
    pub touched: Option<Decimal>,
}

impl Alert {
    /// When the alert was stored, which is the time of its position in the feed.
    pub fn recorded_at(&self) -> Timestamp {
        self.fired_at.unwrap_or(self.triggered_at)
    }

    /// A message for people: `AAPL rose 5.43% to 196.1`.
    pub fn message(&self) -> String {
        let Self {
            symbol,
            price,
            threshold,
            ..
        } = self;
        // The reference of a level is the level.
        if self
            .reference_price
            .is_some_and(|price| price != *threshold)
        {
            return self.change_message();
        }
        match (self.kind, self.touched) {
            (AlertKind::PriceAbove, Some(high)) => {
                format!("{symbol} touched {threshold} (high {high}), now {price}")
            }
            (AlertKind::PriceBelow, Some(low)) => {
                format!("{symbol} touched {threshold} (low {low}), now {price}")
            }
            (AlertKind::PriceAbove, None) => {
                format!("{symbol} is at {price}, at or above {threshold}")
            }
            (AlertKind::PriceBelow, None) => {
                format!("{symbol} is at {price}, at or below {threshold}")
            }
            (AlertKind::CrossesAbove, _) => {
                format!("{symbol} crossed above {threshold}, now {price}")
            }
            (AlertKind::CrossesBelow, _) => {
                format!("{symbol} crossed below {threshold}, now {price}")
            }
            (AlertKind::VolumeSpike, _) => format!(
                "{symbol} traded at least {threshold} times its average volume, now {price}"
            ),
            (AlertKind::PercentChange | AlertKind::ChangeInWindow, _) => self.change_message(),
        }
    }

    fn change_message(&self) -> String {
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
    fn the_message_describes_the_price_change() {
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
            price_seq: None,
            rule_name: None,
            touched: None,
        };
        assert_eq!(alert.message(), "AAPL rose 5.43% to 196.1");
        alert.direction = Direction::Down;
        alert.change_percent = Some("-50.8950".parse().expect("a percentage"));
        assert_eq!(alert.message(), "AAPL fell 50.9% to 196.1");
        alert.kind = AlertKind::PriceAbove;
        alert.threshold = Decimal::from_int(190);
        assert_eq!(alert.message(), "AAPL fell 50.9% to 196.1");
        alert.reference_price = Some(alert.threshold);
        assert_eq!(alert.message(), "AAPL is at 196.1, at or above 190");
        alert.threshold = Decimal::from_int(200);
        alert.reference_price = Some(alert.threshold);
        alert.touched = Some("201.2".parse().expect("a price"));
        assert_eq!(alert.message(), "AAPL touched 200 (high 201.2), now 196.1");
    }
}
