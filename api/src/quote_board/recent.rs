//! The newest prices and alerts of one stock.

use entity::{Alert, Event, Price};
use tokio::sync::watch;

use super::{capacity::Capacity, newest::Newest};

/// The newest prices and alerts of a stock.
#[derive(Debug, Default)]
pub(super) struct StockRows {
    pub(super) prices: Newest<Price>,
    pub(super) alerts: Newest<Alert>,
}

impl StockRows {
    /// Applies an event of this stock, or a change of a rule.
    pub(super) fn apply(&mut self, event: &Event, capacity: Capacity) {
        match event {
            Event::QuoteRecorded { price, .. } => self.prices.push(price.clone(), capacity.prices),
            Event::AlertFired { alert } => self.alerts.push(alert.clone(), capacity.alerts),
            Event::AlertChanged { alert, .. } => self.alerts.replace(alert.clone()),
            Event::RuleChanged { rule, .. } if rule.deleted => self.alerts.forget_rule(rule.id),
            Event::RuleChanged { .. }
            | Event::StockChanged { .. }
            | Event::SplitsChanged { .. } => {}
        }
    }

    /// Size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.prices.size() + self.alerts.size()
    }
}

/// The newest prices and alerts of a stock, if they are in memory.
#[derive(Debug)]
pub(super) enum RecentRows {
    /// They are in the tables only.
    Unloaded,
    /// They are being read from the tables.
    Loading(Loading),
    /// They are in memory.
    Loaded(StockRows),
}

impl Default for RecentRows {
    /// The rows of a new stock.
    fn default() -> Self {
        Self::Loaded(StockRows::default())
    }
}

/// Rows that are being read.
#[derive(Debug)]
pub(super) struct Loading {
    /// Distinguishes this read from others.
    pub(super) ticket: u64,
    /// The events that were applied meanwhile.
    pub(super) events: Vec<Event>,
    /// Dropped when the read ends.
    pub(super) done: watch::Sender<()>,
}

impl RecentRows {
    /// The rows, if they are in memory.
    pub(super) fn loaded(&self) -> Option<&StockRows> {
        match self {
            Self::Loaded(rows) => Some(rows),
            Self::Unloaded | Self::Loading(_) => None,
        }
    }

    /// Applies an event of this stock, or a change of a rule.
    pub(super) fn apply(&mut self, event: &Event, capacity: Capacity) {
        match self {
            Self::Unloaded => {}
            Self::Loading(loading) => loading.events.push(event.clone()),
            Self::Loaded(rows) => rows.apply(event, capacity),
        }
    }

    /// Size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.loaded().map_or(0, StockRows::size)
    }
}
