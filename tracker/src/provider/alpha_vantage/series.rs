//! Parses the response to `TIME_SERIES_DAILY`.

use entity::Symbol;
use runtime::config::Secret;

use super::response::{ApiResponse, Object, named};
use crate::provider::{DailyBar, PollError, field, json};

/// Parses the daily bars of `requested`. A bar with an invalid date or price is left out. The `key`
/// is removed from errors.
///
/// # Errors
/// Those of [`ApiResponse`], the history of another symbol, and a history without a valid bar.
pub(super) fn parse(
    body: &[u8],
    requested: &Symbol,
    key: &Secret,
) -> Result<Vec<DailyBar>, PollError> {
    let response = ApiResponse::parse(body)?;
    let series = response.section("Time Series", key)?;
    let metadata = response.section("Meta Data", key)?;
    let symbol = named(&metadata, "Symbol").unwrap_or_default();
    if !field::is_same_symbol(&symbol, requested.as_str()) {
        return Err(PollError::malformed("the history is of another symbol"));
    }
    let bars: Vec<DailyBar> = series
        .iter()
        .filter_map(|(date, raw)| bar(requested, date, &json::object(raw)?))
        .collect();
    if bars.is_empty() {
        return Err(PollError::malformed("no valid daily bar"));
    }
    Ok(bars)
}

fn bar(symbol: &Symbol, date: &str, fields: &Object<'_>) -> Option<DailyBar> {
    let price = |name| field::other_price(named(fields, name).as_deref());
    Some(DailyBar {
        trading_day: field::date(date)?,
        open: price("open")?,
        high: price("high")?,
        low: price("low")?,
        close: price("close")?,
        volume: field::volume(symbol, named(fields, "volume").as_deref()),
    })
}

#[cfg(test)]
mod tests;
