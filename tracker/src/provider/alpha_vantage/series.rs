//! The answer to `TIME_SERIES_DAILY`, judged.
//!
//! One invariant: a pure function of the bytes, and a bar is read whole or left out. The client calls it with each
//! successful answer.

use entity::Symbol;
use runtime::config::Secret;

use super::answer::{Answer, Object, named};
use crate::provider::{Bar, PollError, field};

/// Reads the sessions of `asked`. The `key` is only needed to keep it out of the failure.
///
/// # Errors
/// As for quotes.
pub(super) fn parse(body: &[u8], asked: &Symbol, key: &Secret) -> Result<Vec<Bar>, PollError> {
    let answer = Answer::read(body)?;
    let series = answer.section("Time Series", key)?;
    let told = answer.section("Meta Data", key)?;
    let symbol = named(&told, "Symbol").unwrap_or_default();
    if !field::is_same_symbol(&symbol, asked.as_str()) {
        return Err(PollError::malformed("the history of another symbol"));
    }
    let bars: Vec<Bar> = series
        .iter()
        .filter_map(|(date, raw)| bar(date, &serde_json::from_str(raw.get()).ok()?))
        .collect();
    if bars.is_empty() {
        return Err(PollError::malformed("a history without a readable session"));
    }
    Ok(bars)
}

fn bar(date: &str, fields: &Object<'_>) -> Option<Bar> {
    let price = |name| field::other_price(named(fields, name).as_deref());
    Some(Bar {
        trading_day: field::date(date)?,
        open: price("open")?,
        high: price("high")?,
        low: price("low")?,
        close: price("close")?,
        volume: field::volume(named(fields, "volume").as_deref()),
    })
}

#[cfg(test)]
mod tests;
