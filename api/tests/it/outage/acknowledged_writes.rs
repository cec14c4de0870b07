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
        let moment = database.begin_read().await.expect("a transaction");
        let connection = &moment;
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
    pub(super) fn is_unbroken(&self) {
        let mut next = 1;
        let (mut prices, mut alerts) = (Vec::new(), Vec::new());
        for row in &self.feed {
            let events: Vec<Event> = serde_json::from_str(&row.events).expect("events");
            let mut places: Vec<i64> = events.iter().map(Event::seq).collect();
            places.sort_unstable();
            let expected: Vec<i64> = (next..=row.seq).collect();
            assert_eq!(places, expected, "the feed is not broken");
            next = row.seq + 1;
            for event in events {
                match event {
                    Event::QuoteRecorded { price, .. } => prices.push(price.seq),
                    Event::AlertFired { alert } => alerts.push(alert.seq),
                    Event::StockChanged { .. } => {}
                }
            }
        }
        assert_eq!(next, self.head.seq + 1);
        prices.sort_unstable();
        let stored: Vec<i64> = self.prices.iter().map(|row| row.seq).collect();
        assert_eq!(prices, stored, "what is told is stored");
        alerts.sort_unstable();
        let stored: Vec<i64> = self.alerts.iter().map(|row| row.seq).collect();
        assert_eq!(alerts, stored, "what is told is stored");
        let times = self.feed.windows(2);
        assert!(
            times
                .into_iter()
                .all(|it| it[0].recorded_at <= it[1].recorded_at)
        );
    }

    /// Asserts that the alerts are those that the prices cause at 5 percent, each once.
    pub(super) fn has_its_alerts(&self) {
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
        assert_eq!(stored.len(), once.len(), "no alert is doubled");
        assert_eq!(once, fired, "no alert is lost or made up");
    }

    /// Asserts that a client received everything that was stored after its first event, in order.
    pub(super) fn was_told(&self, told: &[Value], what: &str) {
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
        let told: Vec<String> = told.iter().map(line).collect();
        let first = told.first().expect("something was told");
        let from = stored.iter().position(|line| line == first);
        let stored = &stored[from.expect("it is stored")..];
        assert!(!told.is_empty() && stored.len() >= told.len(), "{what}");
        for (at, (told, stored)) in told.iter().zip(stored).enumerate() {
            assert_eq!(
                told, stored,
                "{what}: the {at}th is the next one that was stored"
            );
        }
    }
}

/// An event as [`AcknowledgedWrites::was_told`] compares it.
fn line(event: &Value) -> String {
    let text = |field: &str| event[field].as_str();
    let at = text("recordedAt")
        .or(text("triggeredAt"))
        .expect("an instant");
    let value = text("price").or(text("threshold")).expect("a number");
    format!("{at} {} {value}", text("symbol").expect("a symbol"))
}
