//! The companies of the bundled prices.
//!
//! One invariant: names as they were while these prices were made; a file of somebody's own is given none. The replay
//! names its tape by it.

use entity::Symbol;

/// Who is behind a ticker. Prices are in US dollars.
#[derive(Clone, Copy, Debug)]
pub(super) struct Company {
    pub(super) name: &'static str,
    pub(super) exchange: &'static str,
    pub(super) currency: &'static str,
}

/// The company of one of the bundled tickers.
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
