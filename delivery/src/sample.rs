//! Alerts for the unit tests.

use entity::{Alert, AlertKind, Decimal, Direction, Timestamp};

use crate::AlertToSend;

/// Returns an instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// When the alerts fire.
pub(crate) const FIRED: &str = "2026-11-28T15:30:12.5Z";

/// Returns an alert of a rule with a threshold of 5 %, which rose by 5.43 %.
pub(crate) fn alert(id: i64, rule_name: Option<&str>) -> AlertToSend {
    let alert = Alert {
        id,
        stock_id: 1,
        symbol: "AAPL".parse().expect("a symbol"),
        seq: 9,
        rule_id: Some(3),
        kind: AlertKind::PercentChange,
        direction: Direction::Up,
        price: "196.10".parse().expect("a price"),
        reference_price: Some(Decimal::from_int(186)),
        change_percent: Some("5.4301".parse().expect("a percentage")),
        threshold: Decimal::from_int(5),
        trading_day: "2026-11-28".parse().expect("a date"),
        triggered_at: at(FIRED),
        acknowledged_at: None,
        fired_at: None,
        price_seq: None,
        rule_name: rule_name.map(str::to_owned),
        touched: None,
    };
    AlertToSend {
        alert,
        rule_threshold: Some(Decimal::from_int(5)),
    }
}
