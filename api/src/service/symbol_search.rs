//! Searches for symbols: first among the tracked stocks, then at the providers.
//!
//! A search never fails because of a provider, the tracker or the database: it returns what is
//! known without them, and which were skipped.

use std::time::Duration;

use entity::{Stock, Symbol, SymbolMatch};
use store::{
    page::Span,
    poll_request,
    symbol_search::{self, MAX_MATCHES, SkippedProvider},
};
use unicode_normalization::UnicodeNormalization;

use super::{Error, Service};

/// Maximum length of a text to search for, in characters.
const MAX_LENGTH: usize = 64;
/// Maximum number of tracked stocks that are compared, in the order of their symbols.
const MAX_TRACKED: u32 = 1_000;

/// The limits of searches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SearchLimits {
    /// Maximum number of searches at the same time.
    pub(crate) concurrent: usize,
    /// How long the matches of a provider are used again.
    pub(crate) cache: Duration,
}

impl SearchLimits {
    /// No limit, and no cache.
    pub(super) const NONE: Self = Self {
        concurrent: usize::MAX,
        cache: Duration::ZERO,
    };
}

/// The result of a search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SymbolSearch {
    /// The matches, tracked ones first.
    pub(crate) matches: Vec<FoundSymbol>,
    /// The providers whose symbols may be missing.
    pub(crate) skipped: Vec<SkippedProvider>,
}

/// A symbol that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundSymbol {
    /// The symbol, and what is known of it.
    pub(crate) symbol: SymbolMatch,
    /// Whether it is tracked.
    pub(crate) tracked: bool,
}

impl Service {
    /// Searches for symbols by symbol or name, ignoring case.
    ///
    /// # Errors
    ///
    /// [`Error::BadInput`] if the text is empty, longer than 64 characters or contains control
    /// characters.
    pub(crate) async fn search_symbols(&self, query: &str) -> Result<SymbolSearch, Error> {
        let query = normalized(query)?;
        let mut matches = self.tracked_matches(&query);
        let (found, skipped) = self.search_providers(&query).await;
        for symbol in found {
            let known = |it: &&mut FoundSymbol| it.symbol.symbol == symbol.symbol;
            if let Some(known) = matches.iter_mut().find(known) {
                known.complete(symbol);
                continue;
            }
            let stock = self.board.stock(&symbol.symbol);
            matches.push(FoundSymbol {
                tracked: stock.is_some_and(|stock| stock.tracked),
                symbol,
            });
        }
        matches.sort_by_key(|found| !found.tracked);
        matches.truncate(MAX_MATCHES);
        Ok(SymbolSearch { matches, skipped })
    }

    /// Returns the tracked stocks whose symbol or name contains the text: first the stock with this
    /// symbol, then those whose symbol begins with it.
    fn tracked_matches(&self, query: &str) -> Vec<FoundSymbol> {
        let exact: Option<Symbol> = query.parse().ok();
        let all = Span {
            after: None,
            before: None,
            limit: MAX_TRACKED,
            from_end: false,
        };
        let mut stocks = self.board.stocks(Some(query), &all).rows;
        let named = exact.as_ref().and_then(|symbol| self.board.stock(symbol));
        if let Some(named) = named.filter(|stock| stock.tracked) {
            stocks.retain(|stock| stock.id != named.id);
            stocks.insert(0, named);
        }
        stocks.sort_by_key(|stock| {
            let begins = |symbol: &Symbol| stock.symbol.as_str().starts_with(symbol.as_str());
            (
                Some(&stock.symbol) != exact.as_ref(),
                !exact.as_ref().is_some_and(begins),
            )
        });
        stocks.into_iter().map(FoundSymbol::of_tracked).collect()
    }

    /// Returns what the providers find, and which were skipped.
    async fn search_providers(&self, query: &str) -> (Vec<SymbolMatch>, Vec<SkippedProvider>) {
        let Ok(_permit) = self.searches.try_acquire() else {
            return (
                Vec::new(),
                vec![not_taken("too many searches at the same time")],
            );
        };
        let status = self.status().await;
        let Some(providers) = &status.providers else {
            return (Vec::new(), vec![not_taken("the database is unavailable")]);
        };
        let reason = if status.is_tracked() {
            let submitting = poll_request::submit_search(&self.store, query);
            match self.while_connected(submitting).await {
                Ok(Some(result)) => return (result.matches, result.skipped),
                Ok(None) => "the tracker did not answer in time",
                Err(_) => return (Vec::new(), vec![not_taken("the database is unavailable")]),
            }
        } else {
            "no tracker is active"
        };
        let connection = self.store.database.read();
        let since = self.now().before(self.search_limits.cache);
        let cached = self
            .read(|| symbol_search::cached(connection, query, since))
            .await;
        let mut cached = cached.unwrap_or_default();
        // In failover order.
        cached.sort_by_key(|it| providers.iter().position(|known| known.name == it.provider));
        let found = cached.into_iter().flat_map(|it| it.matches).collect();
        (found, vec![not_taken(reason)])
    }
}

impl FoundSymbol {
    fn of_tracked(stock: Stock) -> Self {
        Self {
            symbol: SymbolMatch {
                symbol: stock.symbol,
                name: stock.name,
                kind: None,
                exchange: stock.exchange,
                currency: stock.currency,
            },
            tracked: true,
        }
    }

    /// Adds what a provider sent about the symbol, where nothing is known.
    fn complete(&mut self, symbol: SymbolMatch) {
        let known = &mut self.symbol;
        known.name = known.name.take().or(symbol.name);
        known.kind = known.kind.take().or(symbol.kind);
        known.exchange = known.exchange.take().or(symbol.exchange);
        known.currency = known.currency.take().or(symbol.currency);
    }
}

fn not_taken(reason: &str) -> SkippedProvider {
    SkippedProvider {
        provider: None,
        reason: reason.to_owned(),
    }
}

/// Returns a text in the form in which equal searches are equal: in lower case and Unicode
/// normalization form C, with single spaces.
fn normalized(query: &str) -> Result<String, Error> {
    let words: Vec<&str> = query.split_whitespace().collect();
    let text: String = words.join(" ").nfc().collect::<String>().to_lowercase();
    let length = text.chars().count();
    if !(1..=MAX_LENGTH).contains(&length) {
        let reason = format!("has {length} characters, 1 to {MAX_LENGTH} are allowed");
        return Err(Error::bad_input("query", reason));
    }
    if text.contains(char::is_control) {
        return Err(Error::bad_input(
            "query",
            "must not contain control characters",
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_searches_have_the_same_text() {
        let text = |query| normalized(query).ok();
        assert_eq!(text("  Apple \t INC "), Some("apple inc".to_owned()));
        assert_eq!(text("CAFE\u{301}"), text("café"));
        assert_eq!(text(&"é".repeat(64)).map(|it| it.chars().count()), Some(64));
    }

    #[test]
    fn empty_long_and_unprintable_texts_are_rejected() {
        for query in ["", "   ", &"x".repeat(65), "a\u{0}b", "\u{7}"] {
            let error = normalized(query).expect_err("rejected");
            assert!(error.to_string().starts_with("query: "), "{error}");
        }
    }
}
