//! Positions in the feed, and the opaque cursors that encode them.
//!
//! Positions of one epoch are totally ordered by `seq`, in commit order, and `recorded_at` never
//! decreases along them. A cursor includes the instant, so that a page is found by time without
//! looking up the position.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Symbol, Timestamp};

/// A position in the feed: of a price, of an alert, or of the end of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// A random number drawn when the database is created, which distinguishes cursors of different
    /// databases.
    pub epoch: i64,
    /// The sequence number within the epoch, starting at 1; 0 is before the first entry.
    pub seq: i64,
    /// When the entry was recorded.
    pub recorded_at: Timestamp,
}

/// A decoded cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// A position in the feed.
    Feed(Position),
    /// A position in the list of stocks, which is ordered by symbol.
    Stock(Symbol),
    /// A position in a list of the REST API, valid in that list only.
    Listed(List, Position),
}

/// A list that the REST API serves in pages, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// The prices of the stock with this id.
    Prices(i64),
    /// The alerts of the stock with this id.
    Alerts(i64),
    /// The alerts of all stocks.
    AllAlerts,
}

/// The text is not a [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor issued by this server")]
pub struct CursorError;

/// First byte of a feed cursor, incremented when the format changes.
const FEED: u8 = 1;
/// First byte of a stock cursor.
const STOCK: u8 = 2;
/// First byte of a cursor of one list.
const LISTED: u8 = 3;

impl Cursor {
    /// Decodes a cursor.
    pub fn decode(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        match bytes.split_first() {
            Some((&FEED, rest)) => feed_position(rest).map(Self::Feed).ok_or(CursorError),
            Some((&STOCK, rest)) => std::str::from_utf8(rest)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Self::Stock)
                .ok_or(CursorError),
            Some((&LISTED, rest)) => listed(rest).ok_or(CursorError),
            _ => Err(CursorError),
        }
    }

    /// Encodes the cursor.
    pub fn encode(&self) -> String {
        match self {
            Self::Feed(position) => {
                let mut bytes = Vec::with_capacity(25);
                bytes.push(FEED);
                write_position(&mut bytes, position);
                URL_SAFE_NO_PAD.encode(bytes)
            }
            Self::Stock(symbol) => {
                let mut bytes = vec![STOCK];
                bytes.extend(symbol.as_str().as_bytes());
                URL_SAFE_NO_PAD.encode(bytes)
            }
            Self::Listed(list, position) => {
                let (kind, stock_id) = match *list {
                    List::Prices(stock_id) => (1, stock_id),
                    List::Alerts(stock_id) => (2, stock_id),
                    List::AllAlerts => (3, 0),
                };
                let mut bytes = Vec::with_capacity(34);
                bytes.extend([LISTED, kind]);
                bytes.extend(stock_id.to_be_bytes());
                write_position(&mut bytes, position);
                URL_SAFE_NO_PAD.encode(bytes)
            }
        }
    }
}

fn write_position(bytes: &mut Vec<u8>, position: &Position) {
    bytes.extend(position.epoch.to_be_bytes());
    bytes.extend(position.seq.to_be_bytes());
    bytes.extend(position.recorded_at.micros().to_be_bytes());
}

fn listed(bytes: &[u8]) -> Option<Cursor> {
    let (kind, rest) = bytes.split_first()?;
    let (stock_id, rest) = rest.split_first_chunk::<8>()?;
    let list = match (kind, i64::from_be_bytes(*stock_id)) {
        (1, stock_id) => List::Prices(stock_id),
        (2, stock_id) => List::Alerts(stock_id),
        (3, 0) => List::AllAlerts,
        _ => return None,
    };
    feed_position(rest).map(|position| Cursor::Listed(list, position))
}

fn feed_position(bytes: &[u8]) -> Option<Position> {
    let (epoch, rest) = bytes.split_first_chunk::<8>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let recorded_at: [u8; 8] = rest.try_into().ok()?;
    let position = Position {
        epoch: i64::from_be_bytes(*epoch),
        seq: i64::from_be_bytes(*seq),
        recorded_at: Timestamp::from_micros(i64::from_be_bytes(recorded_at)),
    };
    (position.seq >= 0).then_some(position)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_round_trips_through_its_cursor(epoch: i64, seq in 0..i64::MAX, micros: i64) {
            let recorded_at = Timestamp::from_micros(micros);
            let cursor = Cursor::Feed(Position { epoch, seq, recorded_at });
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn a_position_in_a_list_round_trips_through_its_cursor(id: i64, kind in 0..3, epoch: i64, seq in 0..i64::MAX, micros: i64) {
            let list = match kind {
                0 => List::Prices(id),
                1 => List::Alerts(id),
                _ => List::AllAlerts,
            };
            let recorded_at = Timestamp::from_micros(micros);
            let cursor = Cursor::Listed(list, Position { epoch, seq, recorded_at });
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn decoding_a_cursor_never_panics(text in ".{0,60}") {
            let _ = Cursor::decode(&text);
        }
    }

    #[test]
    fn a_stock_cursor_is_not_a_feed_cursor() {
        let symbol: Symbol = "BRK.B".parse().expect("a symbol");
        let cursor = Cursor::Stock(symbol);
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        assert_eq!(Cursor::decode("AAAA"), Err(CursorError));
    }
}
