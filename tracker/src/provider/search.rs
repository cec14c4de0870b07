//! The interfaces to providers that find symbols: by a request per search, or in a list.

use async_trait::async_trait;
use entity::Symbol;

use super::PollError;

/// A symbol that a provider serves, with its description there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolMatch {
    /// The symbol.
    pub symbol: Symbol,
    /// The name of the company, fund or pair.
    pub name: Option<String>,
    /// The kind of instrument in the words of the provider, such as `Common Stock`.
    pub kind: Option<String>,
    /// The exchange or region.
    pub exchange: Option<String>,
    /// The ISO 4217 code of the currency.
    pub currency: Option<String>,
}

/// A provider that searches its symbols.
#[async_trait]
pub trait SymbolSearch: Send + Sync {
    /// Sends one request for the symbols that match a text, the best match first. Matches that are
    /// not a [`Symbol`] are left out.
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
