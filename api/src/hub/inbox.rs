//! What waits for one reader.
//!
//! One invariant: an inbox is bounded: by its limit if nothing may be skipped, and it is emptied at once when that is
//! passed; by the number of symbols if only the latest counts, and what is skipped is counted with what replaced it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use entity::{Event, Position};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::run::Happened;

/// What a reader wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    /// Of which stocks; of all if not given.
    pub(crate) stocks: Option<Vec<i64>>,
    /// Whether of prices.
    pub(crate) prices: bool,
    /// Whether of alerts.
    pub(crate) alerts: bool,
    /// What happens when the reader is slow.
    pub(crate) pace: Pace,
    /// Cancelled once the reader is further behind than is kept for it, whether it reads or not.
    pub(crate) lagging: CancellationToken,
}

/// What happens when a reader is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Only the latest event of each stock is kept for it.
    Latest,
    /// Everything is kept for it, up to so many events behind.
    Everything {
        /// How many.
        behind: usize,
    },
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// The reader is further behind than is kept for it.
    Lagging,
    /// The hub has missed what came after this place, up to which the reader has everything: the tables have it.
    Cut(Position),
}

/// Events that wait for one reader.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Where its reader joined: what is not after that place it knows already, even if it is published later.
    after: i64,
    prices: bool,
    alerts: bool,
    pace: Pace,
    waiting: Mutex<Waiting>,
    bell: Notify,
    lagging: CancellationToken,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In feed order, each with how many earlier ones of its stock it replaced.
    events: BTreeMap<i64, (Arc<Happened>, u64)>,
    /// Where each stock's event waits, if only the latest counts.
    of_stock: HashMap<i64, i64>,
    /// How many of them are from before the reader joined: it is not behind for having come late.
    backlog: usize,
    /// The place after which nothing is put in any more.
    cut: Option<Position>,
}

impl Inbox {
    /// An inbox with what a reader missed so far; that is never too much.
    pub(super) fn new<'a>(
        interest: &Interest,
        after: i64,
        missed: impl Iterator<Item = &'a Arc<Happened>>,
    ) -> Self {
        let inbox = Self {
            after,
            prices: interest.prices,
            alerts: interest.alerts,
            pace: interest.pace,
            waiting: Mutex::default(),
            bell: Notify::new(),
            lagging: interest.lagging.clone(),
        };
        let mut waiting = inbox.waiting();
        let selected = |happened: &&Arc<Happened>| {
            let stocks = interest.stocks.as_ref();
            inbox.wants(happened) && stocks.is_none_or(|it| it.contains(&happened.stock_id()))
        };
        for happened in missed.filter(selected) {
            waiting
                .events
                .insert(happened.position.seq, (Arc::clone(happened), 0));
        }
        waiting.backlog = waiting.events.len();
        drop(waiting);
        inbox
    }

    /// Takes in an event of the stocks that are followed.
    pub(super) fn put(&self, happened: &Arc<Happened>) {
        if !self.wants(happened) || self.lagging.is_cancelled() {
            return;
        }
        let mut waiting = self.waiting();
        let seq = happened.position.seq;
        let mut missed = 0;
        match self.pace {
            Pace::Everything { behind } if waiting.events.len() - waiting.backlog >= behind => {
                waiting.events.clear();
                waiting.backlog = 0;
                self.lagging.cancel();
            }
            Pace::Everything { .. } => {}
            Pace::Latest => {
                let replaced = waiting.of_stock.insert(happened.stock_id(), seq);
                let replaced = replaced.and_then(|seq| waiting.events.remove(&seq));
                missed = replaced.map_or(0, |(_, missed)| missed + 1);
            }
        }
        if !self.lagging.is_cancelled() {
            waiting.events.insert(seq, (Arc::clone(happened), missed));
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The oldest event that waits, with how many it replaced.
    pub(super) async fn take(&self) -> Result<(Arc<Happened>, u64), Parted> {
        loop {
            if let Some(first) = self.take_waiting()? {
                return Ok(first);
            }
            self.bell.notified().await;
        }
    }

    /// As [`take`](Self::take), if anything waits.
    pub(super) fn take_waiting(&self) -> Result<Option<(Arc<Happened>, u64)>, Parted> {
        if self.lagging.is_cancelled() {
            return Err(Parted::Lagging);
        }
        let mut waiting = self.waiting();
        let first = waiting.events.pop_first();
        if let (None, Some(position)) = (&first, waiting.cut) {
            return Err(Parted::Cut(position));
        }
        waiting.backlog = waiting.backlog.saturating_sub(1);
        if let Some((seq, (happened, _))) = &first
            && waiting.of_stock.get(&happened.stock_id()) == Some(seq)
        {
            waiting.of_stock.remove(&happened.stock_id());
        }
        Ok(first.map(|(_, taken)| taken))
    }

    /// Ends with what waits: nothing comes after `position`.
    pub(super) fn cut(&self, position: Position) {
        self.waiting().cut = Some(position);
        self.bell.notify_one();
    }

    fn wants(&self, happened: &Happened) -> bool {
        let new = happened.position.seq > self.after;
        new && match happened.event {
            Event::QuoteRecorded { .. } => self.prices,
            Event::AlertFired { .. } => self.alerts,
            Event::StockChanged { .. } => false,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
