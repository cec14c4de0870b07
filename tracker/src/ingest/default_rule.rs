//! Evaluates the default alert rule for the prices of a transaction.
//!
//! [`percent_change`] compares a price with the threshold. The rule fires if it has not fired at
//! the same or a higher multiple for the stock on the same day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use entity::{Alert, AlertKind, Decimal, Direction, Symbol, Timestamp};
use store::{alert, feed::FeedTransaction};

use crate::{alert::percent_change, reference::Close};

/// The default rule in a transaction, and the multiples that it has reached.
pub(super) struct DefaultRule {
    /// The id and the threshold. `None` if the rule is disabled.
    rule: Option<(i64, Decimal)>,
    /// The stocks of the transaction, and the first and last trading day of their prices.
    stocks: Vec<i64>,
    days: Option<(NaiveDate, NaiveDate)>,
    /// The highest multiples by stock, day and direction. Loaded when a price reaches the first.
    highest: Option<BTreeMap<(i64, NaiveDate, Direction), Decimal>>,
}

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

impl DefaultRule {
    /// Creates the rule for the prices of these stocks and trading days.
    pub(super) fn new(
        rule: Option<(i64, Decimal)>,
        prices: impl Iterator<Item = (i64, NaiveDate)>,
    ) -> Self {
        let prices: BTreeSet<(i64, NaiveDate)> = prices.collect();
        let stocks: BTreeSet<i64> = prices.iter().map(|(stock, _)| *stock).collect();
        let days = || prices.iter().map(|(_, day)| *day);
        Self {
            rule,
            stocks: stocks.into_iter().collect(),
            days: days().min().zip(days().max()),
            highest: None,
        }
    }

    /// Compares a price with its reference price. Returns the alert that fires, which is not stored
    /// yet.
    pub(super) async fn evaluate(
        &mut self,
        feed: &mut FeedTransaction,
        price: EvaluatedPrice<'_>,
        reference: Option<Close>,
    ) -> Result<Option<Alert>, store::Error> {
        let (Some((rule, threshold)), Some(reference)) = (self.rule, reference) else {
            return Ok(None);
        };
        let Some(firing) = percent_change(price.price.exact, reference.exact, threshold) else {
            return Ok(None);
        };
        let (stock, day) = (price.stock_id, price.trading_day);
        let highest = match &mut self.highest {
            Some(highest) => highest,
            None => self
                .highest
                .insert(load(feed, rule, &self.stocks, self.days).await?),
        };
        // A replay that restarted has alerts of the same day from its last round.
        let is_replayed = |(of, on, _): &(i64, NaiveDate, Direction)| (*of, *on) == (stock, day);
        if price.replays_day && highest.keys().any(is_replayed) {
            highest.retain(|key, _| !is_replayed(key));
            alert::detach(feed, rule, stock, day).await?;
        }
        let key = (stock, day, firing.direction);
        if highest.get(&key).is_some_and(|it| firing.multiple <= *it) {
            return Ok(None);
        }
        highest.insert(key, firing.multiple);
        Ok(Some(Alert {
            id: 0,
            stock_id: stock,
            symbol: price.symbol.clone(),
            seq: feed.next_seq(),
            rule_id: Some(rule),
            kind: AlertKind::PercentChange,
            direction: firing.direction,
            price: price.price.rounded,
            reference_price: Some(reference.rounded),
            change_percent: firing.change_percent,
            threshold: firing.multiple,
            trading_day: day,
            triggered_at: price.recorded_at,
            acknowledged_at: None,
            fired_at: price.fired_at,
            price_seq: None,
            rule_name: None,
            touched: None,
        }))
    }
}

async fn load(
    feed: &FeedTransaction,
    rule: i64,
    stocks: &[i64],
    days: Option<(NaiveDate, NaiveDate)>,
) -> Result<BTreeMap<(i64, NaiveDate, Direction), Decimal>, store::Error> {
    let Some(days) = days else {
        return Ok(BTreeMap::new());
    };
    let rows = alert::highest_thresholds(feed.connection(), rule, stocks, days).await?;
    let highest = rows.into_iter().map(|row| {
        (
            (row.stock_id, row.trading_day, row.direction),
            row.threshold,
        )
    });
    Ok(highest.collect())
}
