//! Parses the response to `GLOBAL_QUOTE`.

use entity::Symbol;
use runtime::config::Secret;

use super::response::{ApiResponse, named};
use crate::{
    provider::{PollError, field},
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
    let (price, previous_close) = (text("price"), text("previous close"));
    Ok(Quote {
        previous_close: field::previous_close(previous_close.as_deref()),
        open: field::other_price(text("open").as_deref()),
        high: field::other_price(text("high").as_deref()),
        low: field::other_price(text("low").as_deref()),
        volume: field::volume(text("volume").as_deref()),
        unrounded: field::unrounded(price.as_deref(), previous_close.as_deref()),
        ..Quote::new(
            requested.clone(),
            field::price(price.as_deref())?,
            trading_day,
        )
    })
}

#[cfg(test)]
mod tests;
