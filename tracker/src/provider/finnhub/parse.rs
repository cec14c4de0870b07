//! Parses the responses to `/quote` and `/search`.

use entity::Symbol;
use market::Market;

use crate::{
    provider::{PollError, SymbolMatch, field, json, quote_numbers::QuoteNumbers},
    quote::Quote,
};

/// Parses a quote, with its time in seconds, such as
/// `{"c":182.63,"h":183.12,"l":180.97,"o":181.05,"pc":180.78,"t":1704067200}`.
///
/// # Errors
/// An unknown symbol has the price 0 and no time. An object with `error` is an error of the
/// service.
pub(super) fn quote(body: &[u8], symbol: &Symbol) -> Result<Quote, PollError> {
    let fields = object(body)?;
    let text = |name| json::text_of(&fields, name);
    let Some(traded_at) = field::seconds(text("t").as_deref()) else {
        let is_zero = field::other_price(text("c").as_deref()).is_none();
        return Err(if is_zero && fields.contains_key("c") {
            PollError::UnknownSymbol
        } else {
            PollError::no_price("the time is invalid")
        });
    };
    let day = Market::of(symbol).day_of(traded_at);
    let numbers = QuoteNumbers {
        price: text("c"),
        previous_close: text("pc"),
        open: text("o"),
        high: text("h"),
        low: text("l"),
        volume: None,
    };
    Ok(Quote {
        market_time: Some(traded_at),
        ..numbers.quote(symbol, day)?
    })
}

/// Parses the matches of a search:
/// `{"result":[{"description":"APPLE INC","symbol":"AAPL","type":"Common Stock"}]}`.
pub(super) fn matches(body: &[u8]) -> Result<Vec<SymbolMatch>, PollError> {
    let fields = object(body)?;
    let rows = fields.get("result").and_then(|rows| json::list(rows));
    let rows = rows.ok_or_else(|| PollError::malformed("no list of results"))?;
    let matches = rows.into_iter().filter_map(|row| {
        let row = json::object(row)?;
        let text = |name| json::text_of(&row, name).filter(|text| !text.is_empty());
        Some(SymbolMatch {
            symbol: text("symbol")?.parse().ok()?,
            name: text("description").map(Into::into),
            kind: text("type").map(Into::into),
            exchange: None,
            currency: None,
        })
    });
    Ok(matches.collect())
}

fn object(body: &[u8]) -> Result<json::Object<'_>, PollError> {
    let fields: json::Object<'_> = json::response(body)?;
    match json::text_of(&fields, "error") {
        Some(error) if error.to_ascii_lowercase().contains("have access") => {
            Err(PollError::NotEntitled)
        }
        Some(_) => Err(PollError::upstream("the service sent an error")),
        None => Ok(fields),
    }
}
