//! Parses the response to `GLOBAL_QUOTE`.

use entity::Symbol;
use runtime::config::Secret;

use super::response::{ApiResponse, named};
use crate::{
    provider::{PollError, field, quote_numbers::QuoteNumbers},
    quote::Quote,
};

/// Parses the quote of `requested`. The `key` is removed from errors.
///
/// # Errors
/// Those of [`ApiResponse`], and a missing or invalid symbol, price or trading day.
pub(super) fn parse(body: &[u8], requested: &Symbol, key: &Secret) -> Result<Quote, PollError> {
    let fields = ApiResponse::parse(body)?.section("Global Quote", key)?;
    let text = |name| named(&fields, name);
    let symbol = text("symbol").unwrap_or_default();
    if !field::is_same_symbol(&symbol, requested.as_str()) {
        return Err(PollError::no_price("the quote is of another symbol"));
    }
    let trading_day = text("latest trading day")
        .and_then(|text| field::date(&text))
        .ok_or_else(|| PollError::no_price("the trading day is invalid"))?;
    let numbers = QuoteNumbers {
        price: text("price"),
        previous_close: text("previous close"),
        open: text("open"),
        high: text("high"),
        low: text("low"),
        volume: text("volume"),
    };
    numbers.quote(requested, trading_day)
}

#[cfg(test)]
mod tests;
