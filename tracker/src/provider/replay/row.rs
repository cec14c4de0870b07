//! One row of a replayed file.
//!
//! A row without a symbol, a date or a close is an error. Any other field that cannot be read is `None`, as it is in the
//! answer of a live provider, and is reported as a [`RowWarning`].

use chrono::NaiveDate;
use entity::{Decimal, Symbol};

use super::split::{Closes, Written};
use crate::provider::field;

const NOT_A_PRICE: &str = "is not a price above 0";
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
    pub(super) open: Option<Decimal>,
    pub(super) high: Option<Decimal>,
    pub(super) low: Option<Decimal>,
    pub(super) close: Decimal,
    pub(super) volume: Option<i64>,
    /// What splits are found by, if the row has an adjusted close.
    pub(super) closes: Option<Closes>,
}

/// What is wrong with a row that stops the start.
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
}

/// What is wrong with a row that does not stop the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowWarning {
    /// A field that is not what its column holds.
    #[error("{column} {fault}: read as null")]
    Field {
        column: &'static str,
        fault: &'static str,
    },
    /// No number has a value.
    #[error("no numbers: row skipped")]
    NoNumbers,
    /// An earlier row has the same ticker and date.
    #[error("a second row of {0} on {1}: replaces the first")]
    Replaced(Symbol, NaiveDate),
}

impl Row {
    /// Reads a line; `warn` receives what is wrong with its optional fields. `None` if no number has a value: there was
    /// no trading.
    pub(super) fn read(
        line: &str,
        mut warn: impl FnMut(RowWarning),
    ) -> Result<Option<Self>, RowError> {
        let fields = fields(line);
        let [ticker, date, open, high, low, close, volume, adjusted] = fields[..] else {
            return Err(RowError::Fields(fields.len()));
        };
        let fault = |column, fault| RowError::Field { column, fault };
        let ticker = ticker
            .parse()
            .map_err(|_| fault("Ticker", "is not a symbol"))?;
        let date =
            field::date(date).ok_or_else(|| fault("Date", "is not a date such as 2008-01-02"))?;
        // Some sources write a volume of 0 beside prices that are missing.
        let prices = [open, high, low, close, adjusted];
        if prices.into_iter().all(field::is_missing) && (field::is_missing(volume) || volume == "0")
        {
            warn(RowWarning::NoNumbers);
            return Ok(None);
        }
        let close = Written::read(close).ok_or_else(|| fault("Close", NOT_A_PRICE))?;
        let mut price = |column, text| {
            let price = Written::read(text);
            if price.is_none() {
                let fault = NOT_A_PRICE;
                warn(RowWarning::Field { column, fault });
            }
            price
        };
        let [open, high, low] = [("Open", open), ("High", high), ("Low", low)]
            .map(|(column, text)| price(column, text).map(Written::price));
        let adjusted = price("Adj Close", adjusted);
        let volume = field::volume(Some(volume));
        if volume.is_none() {
            warn(RowWarning::Field {
                column: "Volume",
                fault: "is not a number of shares from 0 on",
            });
        }
        Ok(Some(Self {
            ticker,
            date,
            open,
            high,
            low,
            close: close.price(),
            volume,
            closes: adjusted.map(|adjusted| Closes { close, adjusted }),
        }))
    }
}

/// Whether a line is the header.
pub(super) fn is_header(line: &str) -> bool {
    fields(line) == HEADER
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
