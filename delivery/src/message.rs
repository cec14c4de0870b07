//! What is sent: one or several alerts, or a marked example.

use entity::{Alert, AlertKind, Decimal, Direction, Symbol, Timestamp, WebhookFormat};

use crate::{format, text};

/// An alert to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertToSend {
    /// The alert.
    pub alert: Alert,
    /// The threshold of its rule, in percent if the rule is about a percentage; `None` if the rule
    /// was deleted.
    pub rule_threshold: Option<Decimal>,
}

/// What is sent. The same alerts make the same message, whatever the time of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    content: Content,
}

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Alerts.
    Alerts(Vec<AlertToSend>),
    /// A marked example.
    Test(Box<Test>),
}

/// A marked example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    /// The id of the message: `test_` and random digits.
    pub(crate) id: String,
    /// The example.
    pub(crate) alert: Alert,
}

impl Message {
    /// Creates the message for one or several alerts. [`take`] returns how many fit. `STANDARD`
    /// takes one.
    pub fn alerts(alerts: &[AlertToSend]) -> Self {
        Self {
            content: Content::Alerts(alerts.to_vec()),
        }
    }

    /// Creates a test message: an example alert that is marked as such.
    ///
    /// # Panics
    ///
    /// Like [`runtime::random::draw_id`].
    pub fn test(now: Timestamp) -> Self {
        Self {
            content: Content::Test(Box::new(Test {
                id: format!("test_{}", runtime::random::draw_id()),
                alert: example(now),
            })),
        }
    }

    /// The content.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }
}

/// Returns how many of the alerts fit in one message that is sent at `now`: at least 1, if there
/// are any, and at most 1 for `STANDARD`.
pub fn take(format: WebhookFormat, alerts: &[AlertToSend], now: Timestamp) -> usize {
    let Some(limit) = format::limit(format) else {
        return alerts.len().min(1);
    };
    let mut size = limit.size(&text::count_title(alerts.len()));
    let mut fitting = 0;
    for alert in alerts {
        size += limit.size("\n") + limit.size(&text::line(&alert.alert, now, limit.escape));
        if size > limit.most {
            break;
        }
        fitting += 1;
    }
    fitting.max(alerts.len().min(1))
}

/// The alert of test messages.
fn example(now: Timestamp) -> Alert {
    Alert {
        id: 1,
        stock_id: 1,
        symbol: example_symbol(),
        seq: 1,
        rule_id: None,
        kind: AlertKind::PercentChange,
        direction: Direction::Up,
        price: Decimal::from_units(19_610_000_000),
        reference_price: Some(Decimal::from_int(186)),
        change_percent: Some(Decimal::from_units(543_010_000)),
        threshold: Decimal::from_int(5),
        trading_day: now.to_utc().date_naive(),
        triggered_at: now,
        acknowledged_at: None,
        fired_at: None,
        price_seq: None,
        rule_name: Some("Example".to_owned()),
        touched: None,
    }
}

fn example_symbol() -> Symbol {
    "AAPL".parse().expect("a symbol")
}

#[cfg(test)]
mod tests;
