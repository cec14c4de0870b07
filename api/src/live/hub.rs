//! Fans the feed out to its readers (pub/sub).
//!
//! The hub keeps the newest events of the feed, up to the position that this process has read. A
//! reader that joins at a position receives every later event once and in order: first those that
//! the hub keeps, then each new one as it is published. After a gap, each reader gets the last
//! position up to which it is complete. Publishing is O(interested readers) and never blocks on a
//! reader.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use entity::{Batch, Position};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{
    event::{FeedEvent, RecentEvents},
    inbox::{DisconnectReason, Inbox, Interest, ReaderClosed},
};

/// Time without a successful read after which the feed is considered stalled. The feed is normally
/// read at least once a second.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How many events are kept in memory for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BacklogLimits {
    /// Number of events that the hub keeps for readers that resume.
    pub(crate) retained: usize,
    /// Maximum number of events queued for a reader before it is a slow consumer.
    pub(crate) max_events: usize,
    /// Maximum size of the queued events, estimated from the largest one sent to the reader.
    pub(crate) max_bytes: usize,
    /// Number of rows read from the database at once for a reader that is behind the hub.
    pub(crate) page: u32,
}

impl Default for BacklogLimits {
    fn default() -> Self {
        Self {
            retained: 4096,
            max_events: 1000,
            max_bytes: 4 << 20,
            page: 500,
        }
    }
}

/// The hub. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<HubInner>);

#[derive(Debug)]
struct HubInner {
    state: Mutex<HubState>,
    limits: BacklogLimits,
    /// Microseconds between the commit of the last batch and its publication.
    lag: AtomicU64,
    /// When the feed was last read.
    read_at: Mutex<Instant>,
}

#[derive(Debug)]
struct HubState {
    recent: RecentEvents,
    /// Number of feeds that were replaced by the current one.
    generation: u64,
    /// The id of the next reader.
    next_id: u64,
    /// Readers of all stocks.
    of_all: Inboxes,
    /// Readers of some stocks, by stock.
    of_stock: HashMap<i64, Inboxes>,
    /// Number of readers.
    readers: usize,
}

/// Inboxes by the id of their reader.
type Inboxes = HashMap<u64, Arc<Inbox>>;

impl Hub {
    /// Creates a hub for the feed after `position`.
    pub(crate) fn new(position: Position, limits: BacklogLimits) -> Self {
        let state = HubState {
            recent: RecentEvents::new(position, limits.retained),
            generation: 0,
            next_id: 0,
            of_all: Inboxes::new(),
            of_stock: HashMap::new(),
            readers: 0,
        };
        Self(Arc::new(HubInner {
            state: Mutex::new(state),
            limits,
            lag: AtomicU64::new(0),
            read_at: Mutex::new(Instant::now()),
        }))
    }

    /// The position up to which this process has read the feed.
    pub(crate) fn position(&self) -> Position {
        self.state().recent.end()
    }

    /// The limits of the hub and its readers.
    pub(crate) fn limits(&self) -> BacklogLimits {
        self.0.limits
    }

    /// Number of readers.
    pub(crate) fn readers(&self) -> usize {
        self.state().readers
    }

    /// The ids of the stocks that have readers of their own.
    pub(crate) fn followed(&self) -> Vec<i64> {
        self.state().of_stock.keys().copied().collect()
    }

    /// How far this process is behind the committed feed: the delay of the last batch, or the
    /// duration of a stall if that is longer.
    pub(crate) fn lag(&self) -> Duration {
        let last = Duration::from_micros(self.0.lag.load(Ordering::Relaxed));
        last.max(self.feed_stall().unwrap_or_default())
    }

    /// Time since the feed was last read, if it has stalled.
    pub(crate) fn feed_stall(&self) -> Option<Duration> {
        let elapsed = self.read_at().elapsed();
        (elapsed > STALL_TIMEOUT).then_some(elapsed)
    }

    /// Records that the feed was read. Its events are published next.
    pub(crate) fn mark_read(&self) {
        *self.read_at() = Instant::now();
    }

    fn read_at(&self) -> MutexGuard<'_, Instant> {
        let read_at = &self.0.read_at;
        read_at.lock()
    }

    /// Sends a batch to the interested readers, `lag` after its commit. Batches must be published
    /// in feed order.
    pub(crate) fn publish(&self, batch: Batch, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.0.lag.store(micros, Ordering::Relaxed);
        let mut state = self.state();
        let HubState {
            recent,
            of_all,
            of_stock,
            ..
        } = &mut *state;
        for event in recent.extend(batch) {
            let stock = event.stock_id();
            let interested = of_stock.get(&stock).into_iter().flat_map(Inboxes::values);
            for inbox in of_all.values().chain(interested) {
                inbox.push(event);
            }
        }
        recent.truncate();
    }

    /// Restarts at `position` after a gap in the feed. Current readers receive their queued events,
    /// then [`ReaderClosed::Gap`].
    pub(crate) fn restart(&self, position: Position) {
        self.reset(position, 0, Inbox::close_at_gap);
    }

    /// Restarts at `position` of another feed. Current readers are disconnected, because their
    /// positions do not exist in it.
    pub(crate) fn replace(&self, position: Position) {
        self.reset(position, 1, |inbox, _| {
            inbox.disconnect(DisconnectReason::FeedReplaced);
        });
    }

    /// Removes all readers and restarts at `position`. `close` is called with each inbox and the
    /// position at which the old feed ended.
    fn reset(&self, position: Position, generations: u64, close: impl Fn(&Inbox, Position)) {
        let mut state = self.state();
        let end = state.recent.end();
        state.generation += generations;
        state.recent = RecentEvents::new(position, self.0.limits.retained);
        // Removed readers still call `leave`, which does not affect new readers: ids are unique.
        let of_all = std::mem::take(&mut state.of_all);
        let of_stock = std::mem::take(&mut state.of_stock);
        drop(state);
        let of_stock = of_stock.values().flat_map(Inboxes::values);
        for inbox in of_all.values().chain(of_stock) {
            close(inbox, end);
        }
    }

    /// The generation of the current feed. It grows when the feed is replaced.
    pub(crate) fn generation(&self) -> u64 {
        self.state().generation
    }

    /// Whether `position` exists in the feed; `None` if the hub does not keep that part.
    pub(crate) fn has(&self, position: Position) -> Option<bool> {
        self.state().recent.has(position)
    }

    /// Adds a reader of the events after `position`. Returns `None` if the hub no longer keeps all
    /// of them, or if the feed was replaced; in that case the reader is disconnected.
    pub(crate) fn join(&self, interest: Interest, position: Position) -> Option<HubReader> {
        let mut state = self.state();
        if interest.generation != state.generation {
            interest.disconnect.set(DisconnectReason::FeedReplaced);
            return None;
        }
        let missed = state.recent.after(position)?;
        let inbox = Arc::new(Inbox::new(&interest, position.seq, missed));
        let id = state.next_id;
        state.next_id += 1;
        state.readers += 1;
        match &interest.stocks {
            None => {
                state.of_all.insert(id, Arc::clone(&inbox));
            }
            Some(stocks) => {
                for stock in stocks {
                    state
                        .of_stock
                        .entry(*stock)
                        .or_default()
                        .insert(id, Arc::clone(&inbox));
                }
            }
        }
        drop(state);
        Some(HubReader {
            hub: self.clone(),
            id,
            stocks: interest.stocks,
            inbox,
        })
    }

    fn leave(&self, id: u64, stocks: Option<&[i64]>) {
        let mut state = self.state();
        state.readers -= 1;
        let Some(stocks) = stocks else {
            state.of_all.remove(&id);
            return;
        };
        for stock in stocks {
            if let Some(inboxes) = state.of_stock.get_mut(stock) {
                inboxes.remove(&id);
                if inboxes.is_empty() {
                    state.of_stock.remove(stock);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, HubState> {
        self.0.state.lock()
    }
}

/// A reader of the hub. Leaves the hub when dropped.
#[derive(Debug)]
pub(crate) struct HubReader {
    hub: Hub,
    id: u64,
    stocks: Option<Vec<i64>>,
    inbox: Arc<Inbox>,
}

impl HubReader {
    /// Waits for the next event. Returns it with the number of events skipped before it.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Arc<FeedEvent>, u64), ReaderClosed>> {
        self.inbox.poll_pop(cx)
    }

    /// Waits for the next event, like [`poll_next`](Self::poll_next).
    #[cfg(test)]
    pub(crate) async fn next(&mut self) -> Result<(Arc<FeedEvent>, u64), ReaderClosed> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }
}

impl Drop for HubReader {
    fn drop(&mut self) {
        self.hub.leave(self.id, self.stocks.as_deref());
    }
}

#[cfg(test)]
mod tests;
