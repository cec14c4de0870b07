//! The GraphQL type `SymbolMatch`: a result of a search for symbols.

use async_graphql::Object;

use crate::{graphql::scalar::Symbol, service::FoundSymbol};

/// The GraphQL type `SymbolMatch`.
pub(crate) struct SymbolMatchObject(pub(in crate::graphql) FoundSymbol);

/// A symbol that was found by `searchSymbols`.
#[Object(name = "SymbolMatch")]
impl SymbolMatchObject {
    /// The ticker symbol, for `trackStock`.
    async fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.symbol.clone())
    }

    /// The name of the company, fund or pair, if known.
    async fn name(&self) -> Option<&str> {
        self.0.symbol.name.as_deref()
    }

    /// The kind of instrument in the words of the provider, such as `Common Stock`, if known.
    async fn kind(&self) -> Option<&str> {
        self.0.symbol.kind.as_deref()
    }

    /// The exchange, or the region in which it is, in the words of the provider, if known.
    async fn exchange(&self) -> Option<&str> {
        self.0.symbol.exchange.as_deref()
    }

    /// The ISO 4217 code of the currency of its prices, if known.
    async fn currency(&self) -> Option<&str> {
        self.0.symbol.currency.as_deref()
    }

    /// Whether the stock is tracked.
    async fn tracked(&self) -> bool {
        self.0.tracked
    }
}
