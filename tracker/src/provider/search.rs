//! The interfaces to providers that find symbols: by a request per search, or in a list.

use std::borrow::Cow;

use async_trait::async_trait;
use entity::SymbolMatch;

use super::PollError;

/// A provider that searches its symbols.
#[async_trait]
pub trait SymbolSearch: Send + Sync {
    /// Sends one request for the symbols that match a text, the best match first. Matches that are
    /// not a [`Symbol`](entity::Symbol) are left out.
    async fn search(&self, text: &str) -> Result<Vec<SymbolMatch>, PollError>;
}

/// A provider that has the list of all its symbols, or that sends it in parts. With the list,
/// [`QuoteProvider::knows`](super::QuoteProvider::knows) needs no request.
#[async_trait]
pub trait SymbolList: Send + Sync {
    /// The number of requests that the list takes; none if the provider always has it.
    fn parts(&self) -> usize {
        0
    }

    /// Sends one request for a part of the list, counted from 0, and replaces that part.
    async fn load(&self, _part: usize) -> Result<(), PollError> {
        Ok(())
    }

    /// Whether a part was loaded and is not known to be outdated.
    fn is_loaded(&self, _part: usize) -> bool {
        true
    }

    /// Returns the symbols in the list that contain a text, in any case: the shortest first.
    fn find(&self, text: &str) -> Vec<SymbolMatch>;
}

/// Returns the symbols that contain a text in their symbol or name, in any case: the shortest
/// first.
pub(super) fn matching<'a>(
    symbols: impl Iterator<Item = Cow<'a, SymbolMatch>>,
    text: &str,
) -> Vec<SymbolMatch> {
    let text = text.trim().to_lowercase();
    let contains = |field: &str| field.to_lowercase().contains(&text);
    let is_match = |it: &Cow<'_, SymbolMatch>| {
        contains(it.symbol.as_str()) || it.name.as_deref().is_some_and(contains)
    };
    let matching = symbols.filter(is_match).map(Cow::into_owned);
    let mut matching: Vec<SymbolMatch> = matching.collect();
    matching.sort_by_key(|it| (it.symbol.as_str().len(), it.symbol.clone()));
    matching
}
