//! The companies of the bundled prices, with their names at the time of the prices. Symbols of
//! `REPLAY_FILE` have none.

use entity::Symbol;

/// The company of a ticker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Company {
    pub(super) name: &'static str,
    pub(super) exchange: &'static str,
    pub(super) currency: &'static str,
}

/// Returns the company of a bundled ticker.
pub(super) fn bundled(symbol: &Symbol) -> Option<Company> {
    let (name, exchange) = match symbol.as_str() {
        "AAPL" => ("Apple Inc.", "NASDAQ"),
        "FB" => ("Facebook, Inc.", "NASDAQ"),
        "GOOG" => ("Google Inc.", "NASDAQ"),
        "IBM" => ("International Business Machines Corporation", "NYSE"),
        "MSFT" => ("Microsoft Corporation", "NASDAQ"),
        _ => return None,
    };
    Some(Company {
        name,
        exchange,
        currency: "USD",
    })
}
