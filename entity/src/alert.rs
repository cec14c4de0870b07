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
        let mut text = Vec::new();
        self.write_message(&mut text);
        String::from_utf8(text).expect("words, symbols and numbers are UTF-8")
    }

    /// Appends the [message](Self::message).
    pub fn write_message(&self, out: &mut Vec<u8>) {
        let (price, threshold) = (self.price, self.threshold);
        let (by, to) = match self.direction {
            Direction::Up => (" rose ", " rose to "),
            Direction::Down => (" fell ", " fell to "),
        };
        let change: &[(&str, Decimal)] = match self.change_percent {
            Some(percent) => &[(by, percent.round_to(2).abs()), ("% to ", price)],
            None => &[(to, price)],
        };
        // The reference of a level is the level. With another one, the change is described.
        let reference = self.reference_price;
        let is_change = reference.is_some_and(|reference| reference != threshold);
        let parts: &[(&str, Decimal)] = match (self.kind, self.touched) {
            _ if is_change => change,
            (AlertKind::PercentChange | AlertKind::ChangeInWindow, _) => change,
            (AlertKind::PriceAbove, Some(high)) => &[
                (" touched ", threshold),
                (" (high ", high),
                ("), now ", price),
            ],
            (AlertKind::PriceBelow, Some(low)) => &[
                (" touched ", threshold),
                (" (low ", low),
                ("), now ", price),
            ],
            (AlertKind::PriceAbove, None) => &[(" is at ", price), (", at or above ", threshold)],
            (AlertKind::PriceBelow, None) => &[(" is at ", price), (", at or below ", threshold)],
            (AlertKind::CrossesAbove, _) => &[(" crossed above ", threshold), (", now ", price)],
            (AlertKind::CrossesBelow, _) => &[(" crossed below ", threshold), (", now ", price)],
            (AlertKind::VolumeSpike, _) => &[
                (" traded at least ", threshold),
                (" times its average volume, now ", price),
            ],
        };
        out.extend_from_slice(self.symbol.as_str().as_bytes());
        for (words, number) in parts {
            out.extend_from_slice(words.as_bytes());
            number.write_to(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    fn alert(kind: AlertKind) -> Alert {
        Alert {
            id: 7,
            stock_id: 1,
            symbol: "AAPL".parse().expect("a symbol"),
            seq: 9,
            rule_id: Some(1),
            kind,
            direction: Direction::Up,
            price: decimal("196.10"),
            reference_price: None,
            change_percent: None,
            threshold: decimal("190"),
            trading_day: NaiveDate::MIN,
            triggered_at: Timestamp::from_micros(0),
            acknowledged_at: None,
            fired_at: None,
            price_seq: None,
            rule_name: None,
            touched: None,
        }
    }

    #[test]
    fn the_message_describes_the_change_from_the_reference_price() {
        // The last one is an alert for a level that has another reference.
        for kind in [
            AlertKind::PercentChange,
            AlertKind::ChangeInWindow,
            AlertKind::PriceAbove,
        ] {
            let mut alert = alert(kind);
            alert.reference_price = Some(decimal("186"));
            assert_eq!(alert.message(), "AAPL rose to 196.1");
            alert.change_percent = Some(decimal("5.4301"));
            assert_eq!(alert.message(), "AAPL rose 5.43% to 196.1");
            alert.direction = Direction::Down;
            alert.change_percent = Some(decimal("-50.8950"));
            assert_eq!(alert.message(), "AAPL fell 50.9% to 196.1");
        }
        assert_eq!(
            alert(AlertKind::PercentChange).message(),
            "AAPL rose to 196.1"
        );
    }

    #[test]
    fn the_message_describes_the_level_that_was_reached() {
        let (above, below) = (AlertKind::PriceAbove, AlertKind::PriceBelow);
        let (up, down) = (AlertKind::CrossesAbove, AlertKind::CrossesBelow);
        let spike = "traded at least 190 times its average volume, now 196.1";
        for (kind, touched, message) in [
            (above, None, "is at 196.1, at or above 190"),
            (below, None, "is at 196.1, at or below 190"),
            (above, Some("201.2"), "touched 190 (high 201.2), now 196.1"),
            (below, Some("189"), "touched 190 (low 189), now 196.1"),
            (up, None, "crossed above 190, now 196.1"),
            (down, None, "crossed below 190, now 196.1"),
            (AlertKind::VolumeSpike, None, spike),
        ] {
            let mut alert = alert(kind);
            alert.touched = touched.map(decimal);
            alert.change_percent = Some(decimal("3"));
            for reference in [None, Some(alert.threshold)] {
                alert.reference_price = reference;
                assert_eq!(alert.message(), format!("AAPL {message}"));
            }
        }
    }
}
