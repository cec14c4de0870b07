//! Parses the response to `/symbol_search`.

use runtime::config::Secret;

use super::error;
use crate::provider::{PollError, SymbolMatch, json};

/// Parses the matches. Of a symbol that several exchanges list, the first is returned. The `key` is
/// removed from errors.
pub(super) fn parse(body: &[u8], key: &Secret) -> Result<Vec<SymbolMatch>, PollError> {
    let response: json::Object<'_> = json::response(body)?;
    if let Some(error) = error::of_object(&response, key) {
        return Err(error);
    }
    let rows = response.get("data").and_then(|rows| json::list(rows));
    let rows = rows.ok_or_else(|| PollError::malformed("no list of matches"))?;
    let mut matches: Vec<SymbolMatch> = Vec::new();
    for fields in rows.into_iter().filter_map(json::object) {
        let text = |name| json::text_of(&fields, name).filter(|text| !text.is_empty());
        let Some(symbol) = text("symbol").and_then(|text| text.parse().ok()) else {
            continue;
        };
        if matches.iter().all(|found| found.symbol != symbol) {
            matches.push(SymbolMatch {
                symbol,
                name: text("instrument_name").map(Into::into),
                kind: text("instrument_type").map(Into::into),
                exchange: text("exchange").map(Into::into),
                currency: text("currency").map(Into::into),
            });
        }
    }
    Ok(matches)
}
