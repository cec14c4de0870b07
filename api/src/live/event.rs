//! The kept run of the feed.

use std::{
    collections::{VecDeque, vec_deque},
    sync::{Arc, OnceLock},
};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use entity::{Batch, Cursor, Event, Position};

/// An event at its place in the feed.
#[derive(Debug)]
pub(crate) struct Happened {
    /// Where.
    pub(crate) position: Position,
    /// What.
    pub(crate) event: Event,
    /// Its frame of the plain WebSocket, written once for all who read it.
    frame: OnceLock<Option<Utf8Bytes>>,
    /// The same with its cursor.
    cursor_frame: OnceLock<Option<Utf8Bytes>>,
    /// Its cursor as text, written once for all who read it.
    cursor: OnceLock<Bytes>,
}

impl Happened {
    /// `event` at its place in the feed, in the batch that ends at `end`.
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

    /// Whose event it is.
    pub(crate) fn stock_id(&self) -> i64 {
        match &self.event {
            Event::QuoteRecorded { price, .. } => price.stock_id,
            Event::AlertFired { alert } => alert.stock_id,
            Event::StockChanged { stock, .. } => stock.id,
        }
    }

    /// The cursor after which a client resumes that has this event.
    pub(crate) fn cursor(&self) -> Bytes {
        let write = || Cursor::Feed(self.position).encode().into();
        self.cursor.get_or_init(write).clone()
    }

    /// The event's frame, if it has one, with or without its cursor; `write` is called once for each.
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

/// The events after `start`, without a gap.
#[derive(Debug)]
pub(super) struct Run {
    start: Position,
    end: Position,
    events: VecDeque<Arc<Happened>>,
    /// How many are kept.
    kept: usize,
}

impl Run {
    /// A run that begins at `position`, and keeps so many events.
    pub(super) fn at(position: Position, kept: usize) -> Self {
        Self {
            start: position,
            end: position,
            events: VecDeque::new(),
            kept,
        }
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Position {
        self.end
    }

    /// Takes in the next batch, and answers its events.
    pub(super) fn extend(&mut self, batch: Batch) -> vec_deque::Iter<'_, Arc<Happened>> {
        let first = self.events.len();
        let happened = batch
            .events
            .into_iter()
            .map(|event| Happened::within(batch.end, event));
        self.events.extend(happened.map(Arc::new));
        self.end = batch.end;
        self.events.range(first..)
    }

    /// Forgets the oldest events beyond what is kept; not before they were handed out.
    pub(super) fn forget(&mut self) {
        while self.events.len() > self.kept {
            if let Some(forgotten) = self.events.pop_front() {
                self.start = forgotten.position;
            }
        }
    }

    /// Whether what happened at a place is what `position` says; `None` if that is not kept.
    pub(super) fn has(&self, position: Position) -> Option<bool> {
        let at = self
            .events
            .binary_search_by_key(&position.seq, |it| it.position.seq);
        Some(self.events[at.ok()?].position == position)
    }

    /// The events after `position`; `None` if some of them are forgotten.
    pub(super) fn after(&self, position: Position) -> Option<vec_deque::Iter<'_, Arc<Happened>>> {
        let known = position.seq >= self.start.seq;
        known.then(|| {
            let first = self
                .events
                .partition_point(|it| it.position.seq <= position.seq);
            self.events.range(first..)
        })
    }
}
