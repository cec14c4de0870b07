//! Evaluates the default alert rule for a price.
//!
//! [`percent_change`] compares the price with the threshold.

use chrono::NaiveDate;
use entity::{Alert, AlertKind, Symbol, Timestamp, table::alert_rule};
use store::{alert, feed::FeedTransaction};

use crate::{alert::percent_change, reference::Close};

/// A stored price that may fire an alert.
pub(super) struct EvaluatedPrice<'a> {
    pub(super) stock_id: i64,
    pub(super) symbol: &'a Symbol,
    pub(super) price: Close,
    pub(super) trading_day: NaiveDate,
    pub(super) recorded_at: Timestamp,
    /// When the alert fires, if the price was held.
    pub(super) fired_at: Option<Timestamp>,
    /// Whether the price begins a day of a replay.
    pub(super) replays_day: bool,
}

/// Compares a price with its reference price. Returns the alert that fires, which is not stored
/// yet, if the rule has not fired at the same or a higher multiple on the same day.
pub(super) async fn evaluate(
    feed: &mut FeedTransaction,
    rule: Option<&alert_rule::Model>,
    price: EvaluatedPrice<'_>,
    reference: Option<Close>,
) -> Result<Option<Alert>, store::Error> {
    let (Some(rule), Some(reference)) = (rule, reference) else {
        return Ok(None);
    };
    let Some(firing) = percent_change(price.price.exact, reference.exact, rule.threshold) else {
        return Ok(None);
    };
    let mut alert = Alert {
        id: 0,
        stock_id: price.stock_id,
        symbol: price.symbol.clone(),
        seq: 0,
        rule_id: Some(rule.id),
        kind: AlertKind::PercentChange,
        direction: firing.direction,
        price: price.price.rounded,
        reference_price: Some(reference.rounded),
        change_percent: firing.change_percent,
        threshold: firing.multiple,
        trading_day: price.trading_day,
        triggered_at: price.recorded_at,
        acknowledged_at: None,
        fired_at: price.fired_at,
        price_seq: None,
        rule_name: None,
        touched: None,
    };
    // A replay that restarted has alerts of the same day from its last round.
    if price.replays_day {
        alert::detach(feed, &alert).await?;
    }
    let highest = alert::highest_threshold(feed.connection(), &alert).await?;
    if highest.is_some_and(|highest| alert.threshold <= highest) {
        return Ok(None);
    }
    alert.seq = feed.next_seq();
    Ok(Some(alert))
}
