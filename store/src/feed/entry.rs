//! Feed entries that are sent with a notification, so that followers need not read the table.
//!
//! An entry contains the position of the one before it. A follower uses it only if it is exactly
//! there, and reads the table otherwise.

use entity::{Batch, Event, Position, Timestamp};
use serde::Deserialize;

/// Maximum size of a payload of NOTIFY in bytes; PostgreSQL allows 7,999.
const MAX_PAYLOAD: usize = 7_900;

/// A committed batch, and the position of the entry before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedEntry {
    pub(crate) after: Position,
    pub(crate) batch: Batch,
}

/// The payload of a notification: the epoch, `[seq, recorded_at]` of both positions, and the
/// events.
#[derive(Deserialize)]
struct Payload {
    epoch: i64,
    after: (i64, i64),
    end: (i64, i64),
    events: Vec<Event>,
}

impl FeedEntry {
    /// Returns the payload of an entry with these events as JSON, or an empty one if it is too
    /// large.
    pub(super) fn payload(after: Position, end: Position, events: &str) -> String {
        if events.len() >= MAX_PAYLOAD {
            return String::new();
        }
        let position = |it: Position| format!("[{},{}]", it.seq, it.recorded_at.micros());
        let payload = format!(
            r#"{{"epoch":{},"after":{},"end":{},"events":{events}}}"#,
            end.epoch,
            position(after),
            position(end)
        );
        if payload.len() > MAX_PAYLOAD {
            return String::new();
        }
        payload
    }

    /// Parses a payload. `None` if it contains no entry, or one of another version.
    pub(super) fn parse(payload: &str) -> Option<Self> {
        let Payload {
            epoch,
            after,
            end,
            events,
        } = serde_json::from_str(payload).ok()?;
        let position = |(seq, recorded_at)| Position {
            epoch,
            seq,
            recorded_at: Timestamp::from_micros(recorded_at),
        };
        Some(Self {
            after: position(after),
            batch: Batch {
                end: position(end),
                events,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_contains_the_entry_unless_it_is_too_large() {
        let at = |seq| Position {
            epoch: 7,
            seq,
            recorded_at: Timestamp::from_micros(seq * 10),
        };
        let mut events: Vec<Event> = (2..=3)
            .map(|seq| Event::SplitsChanged { seq, stock_id: 1 })
            .collect();
        let json = |events: &[Event]| serde_json::to_string(events).expect("JSON");
        let payload = FeedEntry::payload(at(1), at(3), &json(&events));
        let entry = FeedEntry {
            after: at(1),
            batch: Batch {
                end: at(3),
                events: events.clone(),
            },
        };
        assert_eq!(FeedEntry::parse(&payload), Some(entry));
        events.extend((4..200).map(|seq| Event::SplitsChanged { seq, stock_id: 1 }));
        let payload = FeedEntry::payload(at(1), at(199), &json(&events));
        assert_eq!(payload, "");
        assert_eq!(FeedEntry::parse(&payload), None);
    }
}
