//! The companies of the bundled prices.
//!
//! One invariant: names as they were while these prices were made; a file of somebody's own is given none. The replay
//! names its tape by it.

use chrono::NaiveDate;
use entity::Symbol;

/// The first day on which the four default stocks all trade.
pub(super) const BUNDLED_FROM: Option<NaiveDate> = NaiveDate::from_ymd_opt(2004, 8, 19);

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
