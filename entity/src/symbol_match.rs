//! A result of a search for symbols.

use serde::{Deserialize, Serialize};

use crate::Symbol;

/// A symbol that a provider serves, with what the provider sends about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
