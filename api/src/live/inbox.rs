//! What waits for one reader.
//!
//! One invariant: an inbox is bounded: by its limit if nothing may be skipped, and it is emptied at once when that is
//! passed; by the number of symbols if only the latest counts, and what is skipped is counted with the next that is told.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use entity::{Event, Position};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{event::Happened, hub::Hub};

/// What a reader wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    /// Of which of the hub's feeds.
    pub(crate) life: u64,
    /// Of which stocks; of all if not given.
    pub(crate) stocks: Option<Vec<i64>>,
    /// Whether of prices.
    pub(crate) prices: bool,
    /// Whether of alerts.
    pub(crate) alerts: bool,
    /// What happens when the reader is slow.
    pub(crate) pace: Pace,
    /// Set once the reader gets nothing more, whether it reads or not.
    pub(crate) dismissal: Dismissal,
    /// Bytes of the largest event that the reader was told, as its protocol writes it.
    pub(crate) largest: Largest,
}

/// The size of the largest that somebody was told; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Largest(Arc<AtomicUsize>);

impl Largest {
    /// Notes that something of that size was told.
    pub(crate) fn told(&self, bytes: usize) {
        self.0.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Whether so many of them come to more than `bytes`. Whoever has one to take is not behind, however large it is.
    fn exceeds(&self, count: usize, bytes: usize) -> bool {
        count > 1 && self.0.load(Ordering::Relaxed).saturating_mul(count) > bytes
    }
}

/// What happens when a reader is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Only the latest event of each stock is kept for it.
    Latest,
    /// Everything is kept for it, until it is too far behind.
    Everything {
        /// By how many events.
        behind: usize,
        /// By how many bytes.
        bytes: usize,
    },
}

/// Why a reader was dismissed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dismissed {
    /// It is further behind than is kept for it.
    Lagging,
    /// The hub has another feed, in which the reader's position does not exist.
    Replaced,
}

/// Tells a reader that it was dismissed, and why; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dismissal {
    reason: Arc<OnceLock<Dismissed>>,
    signal: CancellationToken,
}

impl Dismissal {
    /// Dismisses the reader; the first reason stays.
    pub(super) fn dismiss(&self, reason: Dismissed) {
        self.reason.get_or_init(|| reason);
        self.signal.cancel();
    }

    /// Why it was dismissed, if it was.
    pub(crate) fn reason(&self) -> Option<Dismissed> {
        self.reason.get().copied()
    }

    /// Waits until it is dismissed.
    pub(crate) async fn dismissed(&self) -> Dismissed {
        self.signal.cancelled().await;
        self.reason().unwrap_or(Dismissed::Lagging)
    }
}

/// Why nothing more comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parted {
    /// The reader was dismissed.
    Dismissed(Dismissed),
    /// The hub has missed what came after this place, up to which the reader has everything: the tables have it.
    Cut(Position),
}

/// A place in the hub; it is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    hub: Hub,
    id: u64,
    stocks: Option<Vec<i64>>,
    inbox: Arc<Inbox>,
}

impl Reader {
    pub(super) fn new(hub: Hub, id: u64, stocks: Option<Vec<i64>>, inbox: Arc<Inbox>) -> Self {
        Self {
            hub,
            id,
            stocks,
            inbox,
        }
    }

    /// Waits for the next event, and how many before it were skipped in its favour.
    pub(crate) async fn next(&mut self) -> Result<(Arc<Happened>, u64), Parted> {
        self.inbox.take().await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.leave(self.id, self.stocks.as_deref());
    }
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
    dismissal: Dismissal,
    largest: Largest,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In feed order, each with how many were skipped between the one before it and itself.
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
            dismissal: interest.dismissal.clone(),
            largest: interest.largest.clone(),
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
        if !self.wants(happened) || self.dismissal.reason().is_some() {
            return;
        }
        let mut waiting = self.waiting();
        let seq = happened.position.seq;
        let mut missed = 0;
        match self.pace {
            Pace::Everything { behind, bytes } => {
                let count = waiting.events.len() - waiting.backlog + 1;
                if count > behind || self.largest.exceeds(count, bytes) {
                    self.dismiss(&mut waiting, Dismissed::Lagging);
                }
            }
            Pace::Latest => {
                let replaced = waiting.of_stock.insert(happened.stock_id(), seq);
                missed = replaced.map_or(0, |replaced| waiting.skip(replaced));
            }
        }
        if self.dismissal.reason().is_none() {
            waiting.events.insert(seq, (Arc::clone(happened), missed));
        }
        drop(waiting);
        self.bell.notify_one();
    }

    /// The oldest event that waits, with how many were skipped before it.
    pub(super) async fn take(&self) -> Result<(Arc<Happened>, u64), Parted> {
        loop {
            if let Some(first) = self.take_waiting()? {
                return Ok(first);
            }
            self.bell.notified().await;
        }
    }

    /// As [`take`](Self::take), if anything waits.
    fn take_waiting(&self) -> Result<Option<(Arc<Happened>, u64)>, Parted> {
        if let Some(reason) = self.dismissal.reason() {
            return Err(Parted::Dismissed(reason));
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

    /// Ends at once: what waits is of a feed that there is no longer.
    pub(super) fn let_go(&self) {
        self.dismiss(&mut self.waiting(), Dismissed::Replaced);
        self.bell.notify_one();
    }

    fn dismiss(&self, waiting: &mut Waiting, reason: Dismissed) {
        *waiting = Waiting::default();
        self.dismissal.dismiss(reason);
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

impl Waiting {
    /// Skips an event, and answers how many the one that replaces it has to tell of. The next one that waits tells of it,
    /// so that a reader which is cut off after any event knows of every one that was skipped before it.
    fn skip(&mut self, seq: i64) -> u64 {
        let Some((_, missed)) = self.events.remove(&seq) else {
            return 0;
        };
        match self.events.range_mut(seq..).next() {
            Some((_, (_, of_next))) => {
                *of_next += missed + 1;
                0
            }
            None => missed + 1,
        }
    }
}
