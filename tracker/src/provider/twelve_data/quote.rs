//! Parses the response to `/quote`: the quote of one symbol, or an object with one per symbol.

use entity::{Symbol, Timestamp};
use market::Market;
use runtime::config::Secret;

use super::error;
use crate::{
    provider::{Answers, PollError, field, json, quote_numbers::QuoteNumbers},
    quote::Quote,
};

/// Parses the quotes of all `requested` symbols. The `key` is removed from errors.
///
/// # Errors
/// The response is not a JSON object.
pub(super) fn parse(body: &[u8], requested: &[Symbol], key: &Secret) -> Result<Answers, PollError> {
    let response: json::Object<'_> = json::response(body)?;
    let answer = |symbol: &Symbol| {
        if requested.len() == 1 && response.contains_key("symbol") {
            return quote(symbol, &response, key);
        }
        let mut named = response.iter();
        let named = named.find(|(name, _)| field::is_same_symbol(name, symbol.as_str()));
        match named.map(|(_, raw)| json::object(raw)) {
            Some(Some(fields)) => quote(symbol, &fields, key),
            Some(None) => Err(PollError::malformed("a quote is not an object")),
            None => Err(PollError::malformed("a requested symbol is missing")),
        }
    };
    let symbols = requested.iter();
    Ok(symbols.map(|it| (it.clone(), answer(it))).collect())
}

/// Parses a quote. Its `timestamp` is the start of the daily bar unless it is later than the open,
/// so that only `last_quote_at` or a later `timestamp` is the time of the price.
fn quote(symbol: &Symbol, fields: &json::Object<'_>, key: &Secret) -> Result<Quote, PollError> {
    if let Some(error) = error::of_object(fields, key) {
        return Err(error);
    }
    let text = |name| json::text_of(fields, name).filter(|text| !field::is_missing(text));
    let (requested, _) = symbol
        .as_str()
        .split_once(':')
        .unwrap_or((symbol.as_str(), ""));
    let sent = text("symbol").unwrap_or_default();
    if !field::is_same_symbol(&sent, requested) && !field::is_same_symbol(&sent, symbol.as_str()) {
        return Err(PollError::no_price("the quote is of another symbol"));
    }
    let market = Market::of(symbol);
    let day = text("datetime").and_then(|text| field::date(text.get(..10)?));
    let day = day.ok_or_else(|| PollError::no_price("the trading day is invalid"))?;
    let is_trade = |at: &Timestamp| *at > market.session(day).start;
    let time = |name| field::seconds(text(name).as_deref());
    let numbers = QuoteNumbers {
        price: text("close"),
        previous_close: text("previous_close"),
        open: text("open"),
        high: text("high"),
        low: text("low"),
        // That of a pair is a fraction or a number of price changes.
        volume: text("volume").filter(|_| !market.is_always_open()),
    };
    Ok(Quote {
        market_time: time("last_quote_at").or_else(|| time("timestamp").filter(is_trade)),
        name: text("name").map(Into::into),
        currency: text("currency").map(Into::into),
        exchange: text("exchange").map(Into::into),
        ..numbers.quote(symbol, day)?
    })
}
