//! Parses the response to `Ticker`.
//!
//! ```json
//! {"error":[],"result":{"XXBTZUSD":{"c":["105899.40000","0.00009443"],"o":"106021.60000",
//!     "h":["106112.00000","106613.10000"],"l":["105853.50000","104711.00000"]}}}
//! ```
//!
//! In lists of two, the first number is of the UTC day and the second of the last 24 hours.

use std::collections::HashMap;

use chrono::NaiveDate;
use entity::Symbol;

use super::{
    pairs::{self, Pairs},
    result,
};
use crate::{
    provider::{PollError, field, json, quote_numbers::QuoteNumbers},
    quote::Quote,
};

/// Parses the quotes of all `requested` symbols on a UTC day. The previous close is the open of the
/// day, because a pair trades through midnight.
///
/// # Errors
/// Those of the response. An unknown symbol fails the whole request.
pub(super) fn parse(
    body: &[u8],
    requested: &[Symbol],
    pairs: &Pairs,
    day: NaiveDate,
) -> Result<HashMap<Symbol, Result<Quote, PollError>>, PollError> {
    let result = result(body)?;
    let only = (requested.len() == 1 && result.len() == 1)
        .then(|| result.values().next().copied())
        .flatten();
    let quotes = requested.iter().map(|symbol| {
        let listed = result.get(pairs.rest_name(symbol)).copied();
        let named = || {
            let mut keys = result.iter();
            let found = keys.find(|(key, _)| pairs::is_name_of(key, symbol));
            found.map(|(_, raw)| *raw)
        };
        let quote = match listed.or_else(named).or(only).and_then(json::object) {
            Some(fields) => quote(symbol, &fields, pairs.is_tokenized(symbol), day),
            None => Err(PollError::malformed("a requested pair is missing")),
        };
        (symbol.clone(), quote)
    });
    Ok(quotes.collect())
}

fn quote(
    symbol: &Symbol,
    fields: &json::Object<'_>,
    tokenized: bool,
    day: NaiveDate,
) -> Result<Quote, PollError> {
    let first = |name: &str| {
        let list = json::list(fields.get(name)?)?;
        field::text(list.first()?)
    };
    let open = json::text_of(fields, "o");
    let numbers = QuoteNumbers {
        price: first("c"),
        previous_close: open.clone(),
        open,
        high: first("h"),
        low: first("l"),
        volume: None,
    };
    Ok(Quote {
        currency: pairs::currency(symbol),
        exchange: Some(pairs::exchange(tokenized).to_owned()),
        ..numbers.quote(symbol, day)?
    })
}
