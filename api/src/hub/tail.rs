//! Follows prices or alerts from a place in the feed onwards, as one stream without a seam: from the database where the
//! hub has forgotten, from the hub where it has not.
//!
//! One invariant: everything that is selected is handed out once, in feed order, or the reader is told that it lags.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use entity::{Alert, Event, Position, Price};
use sea_orm::DbErr;
use store::Store;
use tokio::sync::watch;

use super::{Happened, Hub, Since};

/// The most that is read from the database at once.
const PAGE: u32 = 500;
/// How far a reader that has caught up may fall behind again.
const BEHIND: usize = 1000;
/// How long to wait before a failing database is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// What can be followed.
pub(crate) trait Tailed: Clone + Send + Sync + 'static {
    /// What an event says of it.
    fn of(event: &Event) -> Option<&Self>;
    /// Its stock.
    fn stock_id(&self) -> i64;
    /// Its place, in the epoch of `end`.
    fn position(&self, end: Position) -> Position;
    /// What is stored between two places.
    fn between(
        store: &Store,
        stocks: Option<&[i64]>,
        from: Position,
        to: Position,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Self>, DbErr>> + Send;
}

/// The reader is further behind than is kept for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lagging;

/// Somebody who follows.
pub(crate) struct Tail<T> {
    hub: Hub,
    store: Store,
    stocks: Option<HashSet<i64>>,
    position: Position,
    end: watch::Receiver<Position>,
    /// Whether everything up to the hub's end was handed out once; from then on the reader may lag.
    live: bool,
    followed: std::marker::PhantomData<T>,
}

impl<T: Tailed> Tail<T> {
    /// Follows `stocks`, or all of them, from after `position`.
    pub(crate) fn after(
        hub: Hub,
        store: Store,
        stocks: Option<HashSet<i64>>,
        position: Position,
    ) -> Self {
        let end = hub.watch();
        let followed = std::marker::PhantomData;
        Self {
            hub,
            store,
            stocks,
            position,
            end,
            live: false,
            followed,
        }
    }

    /// Waits for something, and hands out all that is there, or a page of it.
    pub(crate) async fn next(&mut self) -> Result<Vec<T>, Lagging> {
        loop {
            // Seen before reading, so that what is published meanwhile wakes the wait below.
            self.end.borrow_and_update();
            let told = match self.hub.since(self.position) {
                Since::All(events) if events.is_empty() => {
                    self.live = true;
                    self.published().await;
                    continue;
                }
                Since::All(events) => self.selected(&events)?,
                Since::Lost => self.read().await,
            };
            if !told.is_empty() {
                return Ok(told);
            }
        }
    }

    async fn published(&mut self) {
        if self.end.changed().await.is_err() {
            // The hub ends with the process, and the process ends its readers.
            std::future::pending().await
        }
    }

    fn selected(&mut self, events: &[Arc<Happened>]) -> Result<Vec<T>, Lagging> {
        let wanted = |told: &&T| {
            self.stocks
                .as_ref()
                .is_none_or(|stocks| stocks.contains(&told.stock_id()))
        };
        let told: Vec<T> = events
            .iter()
            .filter_map(|it| T::of(&it.event))
            .filter(wanted)
            .cloned()
            .collect();
        if self.live && told.len() > BEHIND {
            return Err(Lagging);
        }
        if let Some(last) = events.last() {
            self.position = last.position;
        }
        Ok(told)
    }

    async fn read(&mut self) -> Vec<T> {
        let stocks: Option<Vec<i64>> = self
            .stocks
            .as_ref()
            .map(|stocks| stocks.iter().copied().collect());
        let end = self.hub.position();
        loop {
            let page = T::between(&self.store, stocks.as_deref(), self.position, end, PAGE).await;
            match page {
                Ok(page) => {
                    let full = page.len() == PAGE as usize;
                    let last = page.last().filter(|_| full);
                    self.position = last.map_or(end, |last| last.position(end));
                    return page;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "a subscriber waits for the database");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}

impl Tailed for Price {
    fn of(event: &Event) -> Option<&Self> {
        match event {
            Event::QuoteRecorded { price, .. } => Some(price),
            _ => None,
        }
    }

    fn stock_id(&self) -> i64 {
        self.stock_id
    }

    fn position(&self, end: Position) -> Position {
        Position {
            seq: self.seq,
            recorded_at: self.recorded_at,
            ..end
        }
    }

    async fn between(
        store: &Store,
        stocks: Option<&[i64]>,
        from: Position,
        to: Position,
        limit: u32,
    ) -> Result<Vec<Self>, DbErr> {
        store::price::between(store.database.read(), stocks, from, to, limit).await
    }
}

impl Tailed for Alert {
    fn of(event: &Event) -> Option<&Self> {
        match event {
            Event::AlertFired { alert } => Some(alert),
            _ => None,
        }
    }

    fn stock_id(&self) -> i64 {
        self.stock_id
    }

    fn position(&self, end: Position) -> Position {
        Position {
            seq: self.seq,
            recorded_at: self.triggered_at,
            ..end
        }
    }

    async fn between(
        store: &Store,
        stocks: Option<&[i64]>,
        from: Position,
        to: Position,
        limit: u32,
    ) -> Result<Vec<Self>, DbErr> {
        store::alert::between(store.database.read(), stocks, from, to, limit).await
    }
}
