//! One row of a replayed file.
//!
//! One invariant: a row is read whole or is bad; nothing in it is skipped or guessed. The file reader calls it for each
//! line.

use chrono::NaiveDate;
use entity::{Decimal, Symbol};

use crate::provider::field;

/// The header that a file must have.
pub(super) const HEADER: [&str; 8] = [
    "Ticker",
    "Date",
    "Open",
    "High",
    "Low",
    "Close",
    "Volume",
    "Adj Close",
];

/// One stock's trading day. Prices are above 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) ticker: Symbol,
    pub(super) date: NaiveDate,
    pub(super) open: Decimal,
    pub(super) high: Decimal,
    pub(super) low: Decimal,
    pub(super) close: Decimal,
    pub(super) volume: i64,
    pub(super) adjusted: Decimal,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The first line is not the header.
    #[error("the header must be {}", HEADER.join(","))]
    Header,
    /// More or fewer fields than the header has.
    #[error("{0} fields instead of 8")]
    Fields(usize),
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    Encoding,
    /// A field that is not what its column holds.
    #[error("{column} {fault}")]
    Field {
        /// Which column.
        column: &'static str,
        /// What it must be.
        fault: &'static str,
    },
    /// Another row has the same ticker and date.
    #[error("a second row of {0} on {1}")]
    Duplicate(Symbol, NaiveDate),
}

impl Row {
    /// Reads a line.
    pub(super) fn read(line: &str) -> Result<Self, RowError> {
        let fields = fields(line);
        let [ticker, date, open, high, low, close, volume, adjusted] = fields[..] else {
            return Err(RowError::Fields(fields.len()));
        };
        let fault = |column, fault| RowError::Field { column, fault };
        Ok(Self {
            ticker: ticker
                .parse()
                .map_err(|_| fault("Ticker", "is not a symbol"))?,
            date: field::date(date)
                .ok_or_else(|| fault("Date", "is not a date such as 2008-01-02"))?,
            open: price("Open", open)?,
            high: price("High", high)?,
            low: price("Low", low)?,
            close: price("Close", close)?,
            volume: field::volume(Some(volume))
                .ok_or_else(|| fault("Volume", "is not a whole number from 0 on"))?,
            adjusted: price("Adj Close", adjusted)?,
        })
    }
}

/// Whether a line is the header.
pub(super) fn is_header(line: &str) -> bool {
    fields(line) == HEADER
}

fn price(column: &'static str, text: &str) -> Result<Decimal, RowError> {
    field::other_price(Some(text)).ok_or(RowError::Field {
        column,
        fault: "is not a price above 0",
    })
}

/// The fields of a line. No field holds a comma, so quotation marks are only taken off.
fn fields(line: &str) -> Vec<&str> {
    line.split(',')
        .map(|field| {
            let field = field.trim();
            field
                .strip_prefix('"')
                .and_then(|field| field.strip_suffix('"'))
                .unwrap_or(field)
        })
        .collect()
}
