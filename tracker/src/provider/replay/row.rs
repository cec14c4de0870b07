//! Parses one row of a replayed CSV file.
//!
//! A row without a symbol, a date or a close is an error. Any other field that cannot be read is
//! `None`, as in the response of a live provider, and is reported as a [`RowWarning`].

use chrono::NaiveDate;
use entity::{Decimal, Symbol};

use super::split::{Closes, WrittenPrice};
use crate::provider::field;

const PRICE: &str = "a price greater than 0";
/// At most this many characters of an invalid value are repeated in an error.
const MAX_VALUE_CHARS: usize = 40;
/// The header of a file.
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

/// The prices of one stock on one trading day. All are greater than 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PriceRow {
    pub(super) ticker: Symbol,
    pub(super) date: NaiveDate,
    pub(super) open: Option<Decimal>,
    pub(super) high: Option<Decimal>,
    pub(super) low: Option<Decimal>,
    pub(super) close: Decimal,
    pub(super) volume: Option<i64>,
    /// The closes from which splits are detected, if the row has an adjusted close.
    pub(super) closes: Option<Closes>,
}

/// Why a row is invalid. An invalid row prevents the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The first line is not the header.
    #[error("the header must be {}", HEADER.join(","))]
    Header,
    /// Not as many fields as the header has.
    #[error("has {0} fields, must have 8")]
    Fields(usize),
    /// The row is not UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// A field has an invalid value.
    #[error(transparent)]
    Field(FieldError),
}

/// A field with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{column} is {value:?}, must be {expected}")]
pub struct FieldError {
    column: &'static str,
    /// The beginning of the value.
    value: String,
    /// What the value must be.
    expected: &'static str,
}

/// A problem of a row that does not prevent the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowWarning {
    /// A field has an invalid value.
    #[error("{0}; read as null")]
    Field(FieldError),
    /// No number has a value.
    #[error("has no numbers; skipped")]
    NoNumbers,
    /// An earlier row has the same ticker and date.
    #[error("second row of {0} on {1}; replaces the first")]
    Replaced(Symbol, NaiveDate),
}

impl PriceRow {
    /// Parses a line and passes invalid optional fields to `warn`. Returns `None` if no number has
    /// a value, which some sources write for a day without trading.
    pub(super) fn parse(
        line: &str,
        mut warn: impl FnMut(RowWarning),
    ) -> Result<Option<Self>, RowError> {
        let fields = fields(line);
        let [ticker, date, open, high, low, close, volume, adjusted] = fields[..] else {
            return Err(RowError::Fields(fields.len()));
        };
        let symbol = ticker
            .parse()
            .map_err(|_| FieldError::new("Ticker", ticker, "a symbol"))?;
        let day = field::date(date)
            .ok_or_else(|| FieldError::new("Date", date, "a date such as 2008-01-02"))?;
        // Some sources write a volume of 0 if all prices are missing.
        let prices = [open, high, low, close, adjusted];
        if prices.into_iter().all(field::is_missing) && (field::is_missing(volume) || volume == "0")
        {
            warn(RowWarning::NoNumbers);
            return Ok(None);
        }
        let close =
            WrittenPrice::parse(close).ok_or_else(|| FieldError::new("Close", close, PRICE))?;
        let mut price = |column, text| {
            let price = WrittenPrice::parse(text);
            if price.is_none() {
                warn(RowWarning::Field(FieldError::new(column, text, PRICE)));
            }
            price
        };
        let [open, high, low] = [("Open", open), ("High", high), ("Low", low)]
            .map(|(column, text)| price(column, text).map(WrittenPrice::price));
        let adjusted = price("Adj Close", adjusted);
        let shares = field::volume(&symbol, Some(volume));
        if field::quantity(Some(volume)).is_none() {
            let expected = "a number of at least 0";
            let error = FieldError::new("Volume", volume, expected);
            warn(RowWarning::Field(error));
        }
        Ok(Some(Self {
            ticker: symbol,
            date: day,
            open,
            high,
            low,
            close: close.price(),
            volume: shares,
            closes: adjusted.map(|adjusted| Closes { close, adjusted }),
        }))
    }
}

impl FieldError {
    fn new(column: &'static str, value: &str, expected: &'static str) -> Self {
        Self {
            column,
            value: value.chars().take(MAX_VALUE_CHARS).collect(),
            expected,
        }
    }
}

impl From<FieldError> for RowError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

/// Whether a line is the header.
pub(super) fn is_header(line: &str) -> bool {
    fields(line) == HEADER
}

/// Splits a line into fields. No valid field contains a comma, so quotation marks are only
/// stripped.
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
