//! Compares the stored data with what clients received.
//!
//! The expected alerts are computed here from the stored prices, independently of the product.

use std::collections::{BTreeMap, HashMap, HashSet};

use entity::{
    Direction, Event,
    table::{alert, feed, feed_head, stock, stock_price},
};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::Value;
use store::database::Database;

/// The stored prices, alerts and feed.
pub(super) struct AcknowledgedWrites {
    pub(super) prices: Vec<stock_price::Model>,
    pub(super) alerts: Vec<alert::Model>,
    pub(super) stocks: HashMap<String, stock::Model>,
    feed: Vec<feed::Model>,
    head: feed_head::Model,
}

impl AcknowledgedWrites {
    /// Reads a consistent snapshot.
    pub(super) async fn read(database: &Database) -> Self {
        let snapshot = database.begin_read().await.expect("a transaction");
        let connection = &snapshot;
        let prices = stock_price::Entity::find().order_by_asc(stock_price::Column::Seq);
        let alerts = alert::Entity::find().order_by_asc(alert::Column::Seq);
        let feed = feed::Entity::find().order_by_asc(feed::Column::Seq);
        let stocks = stock::Entity::find().all(connection).await.expect("stocks");
        let head = feed_head::Entity::find().one(connection).await;
        Self {
            prices: prices.all(connection).await.expect("prices"),
            alerts: alerts.all(connection).await.expect("alerts"),
            stocks: stocks
                .into_iter()
                .map(|row| (row.symbol.to_string(), row))
                .collect(),
            feed: feed.all(connection).await.expect("the feed"),
            head: head.expect("an answer").expect("a head"),
        }
    }

    /// Asserts that the feed has one event at every position, and that its prices and alerts are
    /// those of the tables.
    pub(super) fn assert_feed_is_complete(&self) {
        let mut next = 1;
        let (mut prices, mut alerts) = (Vec::new(), Vec::new());
        for row in &self.feed {
            let events: Vec<Event> = serde_json::from_str(&row.events).expect("events");
            let mut positions: Vec<i64> = events.iter().map(Event::seq).collect();
            positions.sort_unstable();
            let expected: Vec<i64> = (next..=row.seq).collect();
            assert_eq!(positions, expected, "the feed has every position once");
            next = row.seq + 1;
            for event in events {
                match event {
                    Event::QuoteRecorded { price, .. } => prices.push(price.seq),
                    Event::AlertFired { alert } => alerts.push(alert.seq),
                    Event::AlertChanged { .. }
                    | Event::StockChanged { .. }
                    | Event::RuleChanged { .. }
                    | Event::SplitsChanged { .. } => {}
                }
            }
        }
        assert_eq!(next, self.head.seq + 1);
        prices.sort_unstable();
        let stored: Vec<i64> = self.prices.iter().map(|row| row.seq).collect();
        assert_eq!(prices, stored, "the feed has the stored rows");
        alerts.sort_unstable();
        let stored: Vec<i64> = self.alerts.iter().map(|row| row.seq).collect();
        assert_eq!(alerts, stored, "the feed has the stored rows");
        let times = self.feed.windows(2);
        assert!(
            times
                .into_iter()
                .all(|it| it[0].recorded_at <= it[1].recorded_at)
        );
    }

    /// Asserts that the alerts are those that the prices cause at 5 percent, each once.
    pub(super) fn assert_alerts_match_prices(&self) {
        let mut fired: HashSet<(i64, chrono::NaiveDate, bool, i128)> = HashSet::new();
        let mut highest: BTreeMap<(i64, chrono::NaiveDate, bool), i128> = BTreeMap::new();
        for row in &self.prices {
            let Some(reference) = row.previous_close else {
                continue;
            };
            let (price, reference) = (row.price.units(), reference.units());
            let (price, reference) = (i128::from(price), i128::from(reference));
            // |price − reference| × 100 / (5 × reference), whole.
            let reached = (price - reference).abs() * 20 / reference;
            let up = price >= reference;
            let of = highest
                .entry((row.stock_id, row.trading_day, up))
                .or_default();
            if reached > *of {
                *of = reached;
                fired.insert((row.stock_id, row.trading_day, up, reached * 5 * 100_000_000));
            }
        }
        let stored = self.alerts.iter().map(|row| {
            let up = row.direction == Direction::Up;
            let multiple = i128::from(row.threshold.units());
            (row.stock_id, row.trading_day, up, multiple)
        });
        let stored: Vec<_> = stored.collect();
        let once: HashSet<_> = stored.iter().copied().collect();
        assert_eq!(stored.len(), once.len(), "no alert is stored twice");
        assert_eq!(once, fired, "the alerts match the prices");
    }

    /// Asserts that a client received everything that was stored after its first event, in order.
    pub(super) fn assert_received(&self, received: &[Value], what: &str) {
        let symbols: HashMap<i64, &String> = self
            .stocks
            .iter()
            .map(|(symbol, row)| (row.id, symbol))
            .collect();
        let stored: Vec<String> = if what == "prices" {
            let line = |row: &stock_price::Model| {
                format!(
                    "{} {} {}",
                    row.recorded_at, symbols[&row.stock_id], row.price
                )
            };
            self.prices.iter().map(line).collect()
        } else {
            let line = |row: &alert::Model| {
                format!(
                    "{} {} {}",
                    row.triggered_at, symbols[&row.stock_id], row.threshold
                )
            };
            self.alerts.iter().map(line).collect()
        };
        let received: Vec<String> = received.iter().map(line).collect();
        let first = received.first().expect("an event");
        let from = stored.iter().position(|line| line == first);
        let stored = &stored[from.expect("stored")..];
        assert!(
            !received.is_empty() && stored.len() >= received.len(),
            "{what}"
        );
        for (at, (received, stored)) in received.iter().zip(stored).enumerate() {
            assert_eq!(
                received, stored,
                "{what}: event {at} is the next stored row"
            );
        }
    }
}

/// An event as [`AcknowledgedWrites::assert_received`] compares it.
fn line(event: &Value) -> String {
    let text = |field: &str| event[field].as_str();
    let at = text("recordedAt")
        .or(text("triggeredAt"))
        .expect("an instant");
    let value = text("price").or(text("threshold")).expect("a number");
    format!("{at} {} {value}", text("symbol").expect("a symbol"))
}
