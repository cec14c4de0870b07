//! The format of entries in the stream.
//!
//! An entry contains its whole batch or, if the batch exceeds the maximum size of a NATS message,
//! only its position; readers then read the batch from the table.

use entity::{Batch, Event, Position, Timestamp};
use serde::{Deserialize, Serialize};

use super::StreamError;

/// An entry read from the stream.
#[derive(Deserialize)]
pub(super) struct StreamEntry {
    epoch: i64,
    seq: i64,
    recorded_at: i64,
    events: Option<Vec<Event>>,
}

#[derive(Serialize)]
struct StreamEntryRef<'a> {
    epoch: i64,
    seq: i64,
    recorded_at: i64,
    events: Option<&'a [Event]>,
}

impl StreamEntry {
    /// Parses an entry.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StreamError> {
        serde_json::from_slice(bytes).map_err(StreamError::Malformed)
    }

    /// Serializes a batch to at most `max_size` bytes, without its events if necessary.
    pub(super) fn write(batch: &Batch, max_size: usize) -> Result<Vec<u8>, StreamError> {
        let mut entry = StreamEntryRef {
            epoch: batch.end.epoch,
            seq: batch.end.seq,
            recorded_at: batch.end.recorded_at.micros(),
            events: Some(&batch.events),
        };
        let write =
            |entry: &StreamEntryRef<'_>| serde_json::to_vec(entry).map_err(StreamError::Malformed);
        let whole = write(&entry)?;
        // NATS includes the headers in the message size.
        if whole.len() + 1024 <= max_size {
            return Ok(whole);
        }
        entry.events = None;
        write(&entry)
    }

    /// The position of the last event.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// Returns the batch, if the entry contains it and it directly follows `position`.
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
