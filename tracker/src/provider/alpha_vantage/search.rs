//! Parses the response to `SYMBOL_SEARCH`.

use runtime::config::Secret;

use super::response::{ApiResponse, named};
use crate::provider::{PollError, SymbolMatch};

/// Parses the matches, the best one first. The `key` is removed from errors.
pub(super) fn parse(body: &[u8], key: &Secret) -> Result<Vec<SymbolMatch>, PollError> {
    let rows = match ApiResponse::parse(body) {
        // No section at all.
        Err(PollError::UnknownSymbol) => return Ok(Vec::new()),
        response => response?.rows("bestMatches", key)?,
    };
    let matches = rows.iter().filter_map(|row| {
        let text = |name| named(row, name).filter(|text| !text.is_empty());
        Some(SymbolMatch {
            symbol: text("symbol")?.parse().ok()?,
            name: text("name").map(Into::into),
            kind: text("type").map(Into::into),
            exchange: text("region").map(Into::into),
            currency: text("currency").map(Into::into),
        })
    });
    Ok(matches.collect())
}
