//! Events of the feed with their serialized forms, and the buffer of the newest events.

use std::{
    collections::{VecDeque, vec_deque},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use entity::{Batch, Cursor, Event, Position};
use transport::Utf8Bytes;

/// An event with its position in the feed, and caches of its serialized forms.
#[derive(Debug)]
pub(crate) struct FeedEvent {
    /// The position.
    pub(crate) position: Position,
    /// The event.
    pub(crate) event: Event,
    /// The `/ws` frame, serialized once for all sockets.
    frame: OnceLock<Option<Utf8Bytes>>,
    /// The `/ws` frame that includes the cursor.
    cursor_frame: OnceLock<Option<Utf8Bytes>>,
    /// The cursor, encoded once.
    cursor: OnceLock<Bytes>,
}

impl FeedEvent {
    /// Creates an event of the batch that ends at `end`.
    pub(crate) fn within(end: Position, event: Event) -> Self {
        let position = Position {
            seq: event.seq(),
            ..end
        };
        Self {
            position,
            event,
            frame: OnceLock::new(),
            cursor_frame: OnceLock::new(),
            cursor: OnceLock::new(),
        }
    }

    /// The stock that the event belongs to; 0 for a rule of all stocks.
    pub(crate) fn stock_id(&self) -> i64 {
        match &self.event {
            Event::QuoteRecorded { price, .. } => price.stock_id,
            Event::AlertFired { alert } | Event::AlertChanged { alert, .. } => alert.stock_id,
            Event::StockChanged { stock, .. } => stock.id,
            Event::RuleChanged { rule, .. } => rule.stock_id.unwrap_or_default(),
            Event::SplitsChanged { stock_id, .. } => *stock_id,
        }
    }

    /// The cursor from which a client that has this event resumes.
    pub(crate) fn cursor(&self) -> Bytes {
        let write = || Cursor::Feed(self.position).encode().into();
        self.cursor.get_or_init(write).clone()
    }

    /// Returns the frame of the event, if it has one, with or without the cursor. `write` is called
    /// at most once for each of the two forms.
    pub(crate) fn frame(
        &self,
        with_cursor: bool,
        write: fn(&Event, Option<Position>) -> Option<Utf8Bytes>,
    ) -> Option<Utf8Bytes> {
        let (frame, position) = if with_cursor {
            (&self.cursor_frame, Some(self.position))
        } else {
            (&self.frame, None)
        };
        frame.get_or_init(|| write(&self.event, position)).clone()
    }
}

/// The newest events of the feed, without a gap: all events after `start`, up to `end`.
#[derive(Debug)]
pub(super) struct RecentEvents {
    start: Position,
    end: Position,
    events: VecDeque<Arc<FeedEvent>>,
    capacity: usize,
}

impl RecentEvents {
    /// Creates an empty buffer for the events after `position`.
    pub(super) fn new(position: Position, capacity: usize) -> Self {
        Self {
            start: position,
            end: position,
            events: VecDeque::new(),
            capacity,
        }
    }

    /// The position of the last batch.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Appends the next batch and returns its events. The buffer may exceed its capacity until
    /// [`truncate`](Self::truncate).
    pub(super) fn extend(&mut self, batch: Batch) -> vec_deque::Iter<'_, Arc<FeedEvent>> {
        let first = self.events.len();
        let events = batch
            .events
            .into_iter()
            .map(|event| FeedEvent::within(batch.end, event));
        self.events.extend(events.map(Arc::new));
        self.end = batch.end;
        self.events.range(first..)
    }

    /// Drops the oldest events beyond the capacity.
    pub(super) fn truncate(&mut self) {
        while self.events.len() > self.capacity {
            if let Some(dropped) = self.events.pop_front() {
                self.start = dropped.position;
            }
        }
    }

    /// Whether the event with the sequence number of `position` has exactly this position; `None`
    /// if the event is not in memory.
    pub(super) fn has(&self, position: Position) -> Option<bool> {
        let at = self
            .events
            .binary_search_by_key(&position.seq, |event| event.position.seq);
        Some(self.events[at.ok()?].position == position)
    }

    /// Returns the events after `position`; `None` if some of them are no longer in memory.
    pub(super) fn after(&self, position: Position) -> Option<vec_deque::Iter<'_, Arc<FeedEvent>>> {
        let is_complete = position.seq >= self.start.seq;
        is_complete.then(|| {
            let first = self
                .events
                .partition_point(|event| event.position.seq <= position.seq);
            self.events.range(first..)
        })
    }
}
