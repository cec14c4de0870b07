//! The answer to `GLOBAL_QUOTE`, judged.
//!
//! One invariant: a pure function of the bytes; whatever they are, it ends with a quote of the symbol asked for or with
//! the one failure that tells what to do next, and never panics. The client calls it with each successful answer.

use std::{borrow::Cow, collections::BTreeMap};

use entity::Symbol;
use runtime::config::Secret;
use serde_json::value::RawValue;

use super::notice::Notice;
use crate::{
    provider::{PollError, field},
    quote::Quote,
};

/// A JSON object whose values are left as they were written.
type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Reads the quote of `asked`. The `key` is only needed to keep it out of the failure.
///
/// # Errors
/// The classes of the service's answers, in the order in which they must be told apart.
pub(super) fn parse(body: &[u8], asked: &Symbol, key: &Secret) -> Result<Quote, PollError> {
    let answer: Object<'_> =
        serde_json::from_slice(body).map_err(|_| PollError::malformed("not a JSON object"))?;
    let notice = notice(&answer);
    if let Some(error) = notice.classify() {
        return Err(error);
    }
    if answer.is_empty() {
        return Err(PollError::UnknownSymbol);
    }
    // With an entitlement the name goes on: "Global Quote - DATA DELAYED BY 15 MINUTES".
    let quote = answer
        .iter()
        .find(|(name, _)| name.starts_with("Global Quote"))
        .map(|(_, value)| *value);
    match quote {
        Some(raw) => {
            let fields: Object<'_> = serde_json::from_str(raw.get())
                .map_err(|_| PollError::malformed("a quote that is not an object"))?;
            if fields.is_empty() {
                return Err(PollError::UnknownSymbol);
            }
            self::quote(&fields, asked)
        }
        None => Err(notice
            .unknown(key)
            .unwrap_or_else(|| PollError::malformed("neither a quote nor a notice"))),
    }
}

fn notice(answer: &Object<'_>) -> Notice {
    let text = |name: &str| {
        let raw = answer.get(name)?;
        serde_json::from_str(raw.get()).ok()
    };
    Notice {
        error: text("Error Message"),
        information: text("Information"),
        note: text("Note"),
        message: text("message"),
    }
}

fn quote(fields: &Object<'_>, asked: &Symbol) -> Result<Quote, PollError> {
    // Names are numbered ("05. price"), and differently from function to function.
    let text = |wanted: &str| {
        fields
            .iter()
            .find(|(name, _)| {
                name.split_once(". ")
                    .is_some_and(|(_, name)| name == wanted)
            })
            .and_then(|(_, raw)| field::text(raw))
    };
    let symbol = text("symbol").unwrap_or_default();
    if !symbol.eq_ignore_ascii_case(asked.as_str()) {
        return Err(PollError::malformed("the quote of another symbol"));
    }
    let trading_day = text("latest trading day")
        .and_then(|text| field::date(&text))
        .ok_or_else(|| PollError::malformed("no readable trading day"))?;
    Ok(Quote {
        symbol: asked.clone(),
        price: field::price(text("price").as_deref())?,
        previous_close: field::previous_close(text("previous close").as_deref()),
        open: field::other_price(text("open").as_deref()),
        high: field::other_price(text("high").as_deref()),
        low: field::other_price(text("low").as_deref()),
        volume: field::volume(text("volume").as_deref()),
        trading_day,
        market_time: None,
        name: None,
        currency: None,
        exchange: None,
    })
}

#[cfg(test)]
mod tests;
