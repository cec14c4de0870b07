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
    /// Events by position, each with the number of events that were skipped before it.
    events: BTreeMap<i64, (Arc<FeedEvent>, u64)>,
    /// The position of each stock's queued event, if the queue is conflated.
    of_stock: HashMap<i64, i64>,
    /// Number of queued events from before the reader joined. They do not count as lag.
    backlog: usize,
    /// The position after which the hub missed events.
    gap: Option<Position>,
    /// The reader, if it waits for the next event.
    reader: Option<Waker>,
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
        let mut queue = inbox.queue();
        let selected = |event: &&Arc<FeedEvent>| {
            let stocks = interest.stocks.as_ref();
            inbox.accepts(event) && stocks.is_none_or(|it| it.contains(&event.stock_id()))
        };
        for event in missed.filter(selected) {
            queue
                .events
                .insert(event.position.seq, (Arc::clone(event), 0));
        }
        queue.backlog = queue.events.len();
        drop(queue);
        inbox
    }

    /// Queues an event of one of the reader's stocks. Never blocks.
    pub(super) fn push(&self, event: &Arc<FeedEvent>) {
        if !self.accepts(event) || self.disconnect.reason().is_some() {
            return;
        }
        let mut queue = self.queue();
        let seq = event.position.seq;
        let mut missed = 0;
        match self.backpressure {
            Backpressure::Disconnect {
                max_events,
                max_bytes,
            } => {
                let count = queue.events.len() - queue.backlog + 1;
                if count > max_events || self.max_event_size.exceeds(count, max_bytes) {
                    drop(queue);
                    self.disconnect(DisconnectReason::SlowConsumer);
                    return;
                }
            }
            Backpressure::Conflate => {
                let replaced = queue.of_stock.insert(event.stock_id(), seq);
                missed = replaced.map_or(0, |replaced| queue.skip(replaced));
            }
        }
        queue.events.insert(seq, (Arc::clone(event), missed));
        wake_reader(queue);
    }

    /// Waits for the oldest queued event. Returns it with the number of events skipped before it.
    pub(super) fn poll_pop(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Arc<FeedEvent>, u64), ReaderClosed>> {
        let mut queue = self.queue();
        if let Some(reason) = self.disconnect.reason() {
            return Poll::Ready(Err(ReaderClosed::Disconnected(reason)));
        }
        let Some((seq, (event, missed))) = queue.events.pop_first() else {
            if let Some(position) = queue.gap {
                return Poll::Ready(Err(ReaderClosed::Gap(position)));
            }
            queue.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        queue.backlog = queue.backlog.saturating_sub(1);
        let stock = event.stock_id();
        if queue.of_stock.get(&stock) == Some(&seq) {
            queue.of_stock.remove(&stock);
        }
        Poll::Ready(Ok((event, missed)))
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
                Event::StockChanged { .. } | Event::SplitsChanged { .. } => false,
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
