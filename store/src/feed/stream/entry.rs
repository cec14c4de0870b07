//! A batch as an entry of the stream.
//!
//! One invariant: an entry tells all of its batch or, if that is longer than NATS takes, nothing but its place; then
//! whoever reads it reads the table.

use entity::{Batch, Event, Position, Timestamp};
use serde::{Deserialize, Serialize};

use super::StreamError;

/// What an entry says.
#[derive(Deserialize)]
pub(super) struct Entry {
    epoch: i64,
    seq: i64,
    recorded_at: i64,
    events: Option<Vec<Event>>,
}

#[derive(Serialize)]
struct Written<'a> {
    epoch: i64,
    seq: i64,
    recorded_at: i64,
    events: Option<&'a [Event]>,
}

impl Entry {
    /// Reads an entry.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StreamError> {
        serde_json::from_slice(bytes).map_err(StreamError::Unreadable)
    }

    /// The entry of a batch, at most `longest` bytes.
    pub(super) fn write(batch: &Batch, longest: usize) -> Result<Vec<u8>, StreamError> {
        let mut entry = Written {
            epoch: batch.end.epoch,
            seq: batch.end.seq,
            recorded_at: batch.end.recorded_at.micros(),
            events: Some(&batch.events),
        };
        let write =
            |entry: &Written<'_>| serde_json::to_vec(entry).map_err(StreamError::Unreadable);
        let whole = write(&entry)?;
        // The headers are part of what NATS counts.
        if whole.len() + 1024 <= longest {
            return Ok(whole);
        }
        entry.events = None;
        write(&entry)
    }

    /// Its last event's place.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// The batch, if the entry has it and it follows `position` at once.
    pub(super) fn batch_after(self, position: Position) -> Option<Batch> {
        let events = self.events?;
        let first = events.first()?.seq();
        (self.epoch == position.epoch && first == position.seq + 1).then_some(Batch {
            end: Position {
                epoch: self.epoch,
                seq: self.seq,
                recorded_at: Timestamp::from_micros(self.recorded_at),
            },
            events,
        })
    }
}
