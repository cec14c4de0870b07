//! The interfaces to providers that find symbols: by a request per search, or in a list.

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

/// A provider that sends the list of all its symbols. With the list,
/// [`QuoteProvider::knows`](super::QuoteProvider::knows) needs no request.
#[async_trait]
pub trait SymbolList: Send + Sync {
    /// The number of requests that the list takes.
    fn parts(&self) -> usize;

    /// Sends one request for a part of the list, counted from 0, and replaces that part.
    async fn load(&self, part: usize) -> Result<(), PollError>;

    /// Whether a part was loaded and is not known to be outdated.
    fn is_loaded(&self, part: usize) -> bool;

    /// Returns the symbols in the list that contain a text, in any case: the shortest first.
    fn find(&self, text: &str) -> Vec<SymbolMatch>;
}

/// Returns the symbols that contain a text in their symbol or name, in any case: the shortest
/// first.
pub(super) fn matching<'a>(
    symbols: impl Iterator<Item = &'a SymbolMatch>,
    text: &str,
) -> Vec<SymbolMatch> {
    let text = text.trim().to_lowercase();
    let contains = |field: &str| field.to_lowercase().contains(&text);
    let is_match = |it: &&SymbolMatch| {
        contains(it.symbol.as_str()) || it.name.as_deref().is_some_and(contains)
    };
    let mut matching: Vec<SymbolMatch> = symbols.filter(is_match).cloned().collect();
    matching.sort_by_key(|it| (it.symbol.as_str().len(), it.symbol.clone()));
    matching
}
