//! The queue of one reader, with its backpressure policy.
//!
//! A queue is bounded. A reader that needs every event is disconnected as a slow consumer when it
//! exceeds its limits, and its queue is freed. A reader that needs the latest event of each stock
//! has at most one event per stock in its queue; each event carries the number of events that were
//! skipped before it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use entity::{Event, Position};
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use super::event::FeedEvent;

/// What a reader subscribes to.
#[derive(Clone, Debug)]
pub(crate) struct Interest {
    /// The generation of the hub's feed that the reader's position belongs to.
    pub(crate) generation: u64,
    /// The stocks; `None` for all.
    pub(crate) stocks: Option<Vec<i64>>,
    /// Whether to receive prices.
    pub(crate) prices: bool,
    /// Whether to receive alerts.
    pub(crate) alerts: bool,
    /// Whether to receive changes of rules.
    pub(crate) rules: bool,
    /// What happens when the reader is slow.
    pub(crate) backpressure: Backpressure,
    /// Set when the reader is disconnected.
    pub(crate) disconnect: DisconnectSignal,
    /// Size of the largest event sent to the reader, in its protocol's form.
    pub(crate) max_event_size: MaxEventSize,
}

/// The size of the largest event sent to a client, in bytes. Clones share the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct MaxEventSize(Arc<AtomicUsize>);

impl MaxEventSize {
    /// Records the size of an event that was sent.
    pub(crate) fn record(&self, bytes: usize) {
        self.0.fetch_max(bytes, Ordering::Relaxed);
    }

    /// Whether `count` events of this size exceed `bytes`. A single event never does, however large
    /// it is.
    fn exceeds(&self, count: usize, bytes: usize) -> bool {
        count > 1 && self.0.load(Ordering::Relaxed).saturating_mul(count) > bytes
    }
}

/// What happens when a reader is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backpressure {
    /// Conflate: keep only the latest event of each stock.
    Conflate,
    /// Keep every event, and disconnect the reader when it exceeds a limit.
    Disconnect {
        /// Maximum number of queued events.
        max_events: usize,
        /// Maximum size of the queued events, estimated from the largest one sent so far.
        max_bytes: usize,
    },
}

/// Why a reader was disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisconnectReason {
    /// The reader exceeded its backlog limits, or events that it needs were deleted.
    SlowConsumer,
    /// The feed was replaced by another one, in which the reader's position does not exist.
    FeedReplaced,
}

impl From<DisconnectReason> for transport::End {
    fn from(reason: DisconnectReason) -> Self {
        match reason {
            DisconnectReason::SlowConsumer => Self::Overloaded,
            DisconnectReason::FeedReplaced => Self::Replaced,
        }
    }
}

/// Signals that a reader is disconnected, even while it does not read. Clones share the signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct DisconnectSignal {
    reason: Arc<OnceLock<DisconnectReason>>,
    signal: CancellationToken,
}

impl DisconnectSignal {
    /// Disconnects the reader. The first reason is kept.
    pub(super) fn set(&self, reason: DisconnectReason) {
        self.reason.get_or_init(|| reason);
        self.signal.cancel();
    }

    /// Why the reader was disconnected, if it was.
    pub(crate) fn reason(&self) -> Option<DisconnectReason> {
        self.reason.get().copied()
    }

    /// Waits until the reader is disconnected.
    pub(crate) async fn disconnected(&self) -> DisconnectReason {
        self.signal.cancelled().await;
        self.reason().unwrap_or(DisconnectReason::SlowConsumer)
    }
}

/// Why a reader receives no more events from the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReaderClosed {
    /// The reader was disconnected.
    Disconnected(DisconnectReason),
    /// The hub missed events. The reader has everything up to this position; later events are in
    /// the tables.
    Gap(Position),
}

/// The queue of one reader.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Events up to this position are ignored: the reader has them already.
    after: i64,
    prices: bool,
    alerts: bool,
    rules: bool,
    backpressure: Backpressure,
    queue: Mutex<Queue>,
    disconnect: DisconnectSignal,
    max_event_size: MaxEventSize,
}

#[derive(Debug, Default)]
struct Queue {
    /// The queued event of a reader that keeps up. `None` if there is a backlog.
    next: Option<(Arc<FeedEvent>, u64)>,
    /// The queued events of a reader that is behind. Never empty.
    backlog: Option<Box<Backlog>>,
    /// The position after which the hub missed events.
    gap: Option<Position>,
    /// Why the reader was disconnected, if it was.
    disconnected: Option<DisconnectReason>,
    /// The reader, if it waits for the next event.
    reader: Option<Waker>,
}

/// Several queued events.
#[derive(Debug, Default)]
struct Backlog {
    /// Events by position, each with the number of events that were skipped before it.
    events: BTreeMap<i64, (Arc<FeedEvent>, u64)>,
    /// The position of each stock's queued event, if the queue is conflated.
    of_stock: HashMap<i64, i64>,
    /// Number of queued events from before the reader joined. They do not count as lag.
    before_join: usize,
}

impl Inbox {
    /// Creates a queue with the events that the reader missed before it joined, however many.
    pub(super) fn new<'a>(
        interest: &Interest,
        after: i64,
        missed: impl Iterator<Item = &'a Arc<FeedEvent>>,
    ) -> Self {
        let inbox = Self {
            after,
            prices: interest.prices,
            alerts: interest.alerts,
            rules: interest.rules,
            backpressure: interest.backpressure,
            queue: Mutex::default(),
            disconnect: interest.disconnect.clone(),
            max_event_size: interest.max_event_size.clone(),
        };
        let selected = |event: &&Arc<FeedEvent>| {
            let stocks = interest.stocks.as_ref();
            inbox.accepts(event) && stocks.is_none_or(|it| it.contains(&event.stock_id()))
        };
        let mut backlog = Backlog::default();
        for event in missed.filter(selected) {
            backlog.insert(Arc::clone(event), 0);
        }
        backlog.before_join = backlog.events.len();
        if backlog.before_join > 0 {
            inbox.queue().backlog = Some(Box::new(backlog));
        }
        inbox
    }

    /// Queues an event of one of the reader's stocks. Never blocks.
    pub(super) fn push(&self, event: &Arc<FeedEvent>) {
        if !self.accepts(event) {
            return;
        }
        let mut queue = self.queue();
        if queue.disconnected.is_some() {
            return;
        }
        if queue.next.is_none() && queue.backlog.is_none() {
            queue.next = Some((Arc::clone(event), 0));
            wake_reader(queue);
            return;
        }
        let is_conflated = self.backpressure == Backpressure::Conflate;
        let backlog = queue.backlog(is_conflated);
        let mut missed = 0;
        match self.backpressure {
            Backpressure::Disconnect {
                max_events,
                max_bytes,
            } => {
                let count = backlog.events.len() - backlog.before_join + 1;
                if count > max_events || self.max_event_size.exceeds(count, max_bytes) {
                    drop(queue);
                    self.disconnect(DisconnectReason::SlowConsumer);
                    return;
                }
            }
            Backpressure::Conflate => missed = backlog.conflate(event),
        }
        backlog.insert(Arc::clone(event), missed);
        wake_reader(queue);
    }

    /// Waits for the oldest queued event. Returns it with the number of events skipped before it.
    pub(super) fn poll_pop(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Arc<FeedEvent>, u64), ReaderClosed>> {
        let mut queue = self.queue();
        if let Some(reason) = queue.disconnected {
            return Poll::Ready(Err(ReaderClosed::Disconnected(reason)));
        }
        if let Some(popped) = queue.pop() {
            return Poll::Ready(Ok(popped));
        }
        if let Some(position) = queue.gap {
            return Poll::Ready(Err(ReaderClosed::Gap(position)));
        }
        queue.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Closes the queue after its events: the hub missed what follows `position`.
    pub(super) fn close_at_gap(&self, position: Position) {
        let mut queue = self.queue();
        queue.gap = Some(position);
        wake_reader(queue);
    }

    /// Disconnects the reader and frees its queue.
    pub(super) fn disconnect(&self, reason: DisconnectReason) {
        let mut queue = self.queue();
        let reader = queue.reader.take();
        *queue = Queue {
            disconnected: Some(reason),
            reader,
            ..Queue::default()
        };
        self.disconnect.set(reason);
        wake_reader(queue);
    }

    fn accepts(&self, event: &FeedEvent) -> bool {
        event.position.seq > self.after
            && match event.event {
                Event::QuoteRecorded { .. } => self.prices,
                Event::AlertFired { .. } => self.alerts,
                Event::RuleChanged { .. } => self.rules,
                Event::AlertChanged { .. }
                | Event::StockChanged { .. }
                | Event::SplitsChanged { .. } => false,
            }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }
}

/// Wakes the reader after the queue is unlocked.
fn wake_reader(mut queue: MutexGuard<'_, Queue>) {
    let reader = queue.reader.take();
    drop(queue);
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Queue {
    /// Returns the backlog; begins one with the queued event if there is none.
    fn backlog(&mut self, is_conflated: bool) -> &mut Backlog {
        let next = &mut self.next;
        self.backlog.get_or_insert_with(|| {
            let mut backlog = Box::<Backlog>::default();
            if let Some((event, missed)) = next.take() {
                if is_conflated {
                    backlog.conflate(&event);
                }
                backlog.insert(event, missed);
            }
            backlog
        })
    }

    fn pop(&mut self) -> Option<(Arc<FeedEvent>, u64)> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        let backlog = self.backlog.as_mut()?;
        let popped = backlog.pop();
        if backlog.events.is_empty() {
            self.backlog = None;
        }
        popped
    }
}

impl Backlog {
    fn insert(&mut self, event: Arc<FeedEvent>, missed: u64) {
        self.events.insert(event.position.seq, (event, missed));
    }

    fn pop(&mut self) -> Option<(Arc<FeedEvent>, u64)> {
        let (seq, (event, missed)) = self.events.pop_first()?;
        self.before_join = self.before_join.saturating_sub(1);
        let stock = event.stock_id();
        if self.of_stock.get(&stock) == Some(&seq) {
            self.of_stock.remove(&stock);
        }
        Some((event, missed))
    }

    /// Removes the queued event that `event` replaces. Returns the number of skipped events that
    /// `event` must carry.
    fn conflate(&mut self, event: &FeedEvent) -> u64 {
        let replaced = self.of_stock.insert(event.stock_id(), event.position.seq);
        replaced.map_or(0, |replaced| self.skip(replaced))
    }

    /// Removes an event, and returns the number of skipped events that its replacement must carry.
    /// The next event in the queue, if any, carries the number instead, so that a reader knows at
    /// any event how many were skipped before it.
    fn skip(&mut self, seq: i64) -> u64 {
        let Some((_, missed)) = self.events.remove(&seq) else {
            return 0;
        };
        match self.events.range_mut(seq..).next() {
            Some((_, (_, missed_before_next))) => {
                *missed_before_next += missed + 1;
                0
            }
            None => missed + 1,
        }
    }
}
