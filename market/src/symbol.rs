//! Derives the market of a stock from the notation of its symbol.
//!
//! Providers do not send the market. The first of these notations that matches determines it:
//!
//! 1. `FRA:IQQE`, `TRP:TSX`: an exchange before or after a colon. `Us` for an exchange of the
//!    United States, `Crypto` and `Forex` for their venues (`BINANCE:BTCUSDT`, `OANDA:EUR_USD`),
//!    otherwise `Other`.
//! 2. `^GSPC`: an index, `Us`.
//! 3. `EURUSD=X`: a pair of currencies, `Forex`. Any other suffix after `=` is `Other`, such as
//!    that of a future (`ES=F`).
//! 4. `BTC/USD`, `BTC-USD`, `EUR_USD`, `BTCUSDT`: a pair whose second half is a currency. After a
//!    slash, three or more letters are a currency, known or not (`BTC/PYUSD`), except the series of
//!    a preferred share (`BAC/PRB`). `Forex` if both halves are national currencies or metals,
//!    otherwise `Crypto`. An unknown currency of three letters after a national one is national
//!    (`USD/LKR`).
//! 5. `TSCO.LON`, `7203.T`, `M&M.NS`: a suffix after the last point. `Us` for `.US` and for a share
//!    class, unit, right, warrant or preferred share (`BRK.B`, `XYZ.WS`, `BAC.PRB`), otherwise
//!    `Other`.
//! 6. `600519`: digits only, `Other`.
//! 7. `SIM0001`: a simulated symbol, `Crypto`, because it always trades.
//! 8. `AAPL`, `BRK-B`: anything else, `Us`.
//!
//! A single letter after a point is a share class, except F, L, T and V, which stand for Frankfurt,
//! London, Tokyo and the TSX Venture Exchange. After digits (`7203.A`) it is an exchange.

use entity::Symbol;

use crate::Market;

/// National currencies (ISO 4217), and gold and silver, which trade like them.
const CURRENCIES: [&str; 50] = [
    "AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNH", "CNY", "COP", "CZK", "DKK",
    "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD",
    "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RUB",
    "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "XAU", "XAG",
];
/// Cryptocurrencies that are the quote currency of pairs.
const COINS: [&str; 9] = [
    "USDT", "USDC", "BUSD", "FDUSD", "DAI", "BTC", "XBT", "ETH", "BNB",
];
/// Exchanges of the United States, as written before or after a colon or after a point.
const US_EXCHANGES: [&str; 13] = [
    "US",
    "NASDAQ",
    "NYSE",
    "NYSEARCA",
    "NYSEAMERICAN",
    "NYSEMKT",
    "ARCA",
    "AMEX",
    "BATS",
    "CBOE",
    "IEX",
    "OTC",
    "OTCMKTS",
];
/// Venues of cryptocurrencies.
const CRYPTO_VENUES: [&str; 14] = [
    "BINANCE", "BITFINEX", "BITMEX", "BITSTAMP", "BYBIT", "COINBASE", "CRYPTO", "GEMINI", "HUOBI",
    "KRAKEN", "KUCOIN", "OKEX", "OKX", "POLONIEX",
];
/// Venues of foreign exchange.
const FOREX_VENUES: [&str; 5] = ["FOREX", "FX", "FXCM", "FX_IDC", "OANDA"];
/// One-letter suffixes that name an exchange.
const EXCHANGE_LETTERS: [&str; 4] = ["F", "L", "T", "V"];
/// Suffixes of units, rights, warrants and when-issued shares.
const US_SUFFIXES: [&str; 5] = ["UN", "RT", "WI", "WS", "WT"];

impl Market {
    /// Returns the market of a symbol by its notation: share class, exchange suffix, currency pair.
    pub fn of(symbol: &Symbol) -> Self {
        of_text(symbol.as_str())
    }
}

fn of_text(text: &str) -> Market {
    if let Some((before, after)) = text.split_once(':') {
        let is_one = |venues: &[&str]| venues.contains(&before) || venues.contains(&after);
        return if is_one(&US_EXCHANGES) {
            Market::Us
        } else if is_one(&CRYPTO_VENUES) {
            Market::Crypto
        } else if is_one(&FOREX_VENUES) {
            Market::Forex
        } else {
            Market::Other
        };
    }
    if text.starts_with('^') {
        return Market::Us;
    }
    if let Some((_, kind)) = text.rsplit_once('=') {
        return if kind == "X" {
            Market::Forex
        } else {
            Market::Other
        };
    }
    if let Some(pair) = pair(text) {
        return pair;
    }
    if let Some((ticker, suffix)) = text.rsplit_once('.') {
        return suffixed(ticker, suffix);
    }
    if is_digits(text) {
        return Market::Other;
    }
    let number = text.strip_prefix("SIM");
    if number.is_some_and(|number| number.len() >= 4 && is_digits(number)) {
        return Market::Crypto;
    }
    Market::Us
}

/// Returns the market of a pair of currencies, or `None` if the text is not a pair.
fn pair(text: &str) -> Option<Market> {
    let is_quoted = |quote: &str| CURRENCIES.contains(&quote) || COINS.contains(&quote);
    let halves = text.rsplit_once(['/', '_', '-']).or_else(|| {
        // Shares of the United States have at most five letters.
        let letters = text.len() >= 6 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let halves = |length| text.split_at_checked(text.len().checked_sub(length)?);
        let mut halves = [3, 4, 5].into_iter().filter_map(halves);
        halves.find(|(_, quote)| letters && is_quoted(quote))
    });
    let (base, quote) = halves.filter(|(base, quote)| {
        let has_slash = text[base.len()..].starts_with('/');
        !base.is_empty() && (is_quoted(quote) || has_slash && is_currency_code(quote))
    })?;
    let is_national = !COINS.contains(&quote) && (quote.len() == 3 || CURRENCIES.contains(&quote));
    Some(if is_national && CURRENCIES.contains(&base) {
        Market::Forex
    } else {
        Market::Crypto
    })
}

/// Whether a text after a slash can be the code of a currency: not that of a share class or series.
fn is_currency_code(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() >= 3 && letters && !is_preferred(text)
}

/// Whether the suffix of a symbol is a preferred share, with or without a series, such as `PRB`.
fn is_preferred(suffix: &str) -> bool {
    let series = suffix.strip_prefix("PR");
    series.is_some_and(|series| series.len() <= 1)
}

/// Returns the market of a ticker with a suffix after a point.
fn suffixed(ticker: &str, suffix: &str) -> Market {
    let is_us = match suffix.len() {
        0 => true,
        1 => !EXCHANGE_LETTERS.contains(&suffix) && !is_digits(ticker) && !is_digits(suffix),
        _ => {
            is_preferred(suffix) || US_SUFFIXES.contains(&suffix) || US_EXCHANGES.contains(&suffix)
        }
    };
    if is_us { Market::Us } else { Market::Other }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_of_a_symbol_decides_its_market() {
        use Market::{Crypto, Forex, Other, Us};
        for (market, symbols) in [
            (
                Us,
                "AAPL GOOG F T BRK.A BRK.B BRK-B BF.B JPM-PC XYZ.WS XYZ.U BAC.PRB BAC.PR AAPL.US ^GSPC ^IXIC \
                 NASDAQ:AAPL AAPL:NYSE M&M SIM SIM1 BRK/B GOOGL A SPY ABC-WT USDX \
                 BAC/PRB ABC/WS BRK-ABC",
            ),
            (
                Other,
                "TSCO.LON 7203.T SHOP.TRT SHOP.TO M&M.NS FRA:IQQE TRP:TSX VOD.L BMW.DE BHP.AX 0700.HK 005930.KS \
                 600519.SHH RELIANCE.BSE NESN.SW SAP.F ABC.V REI-UN.TO 600519 7203.A ES=F GC=F PETR4.SA",
            ),
            (
                Forex,
                "EURUSD=X JPY=X EUR/USD EUR_USD EUR-USD EURUSD XAU/USD OANDA:EUR_USD USD/LKR",
            ),
            (
                Crypto,
                "BTC/USD BTC-USD BTC_USD BTCUSD BTCUSDT ETH/BTC DOGE-USDT BINANCE:BTCUSDT COINBASE:BTC-USD SIM0001 SIM10000 \
                 BTC/PYUSD EUR/RLUSD EUR/DAI AAPLX/USDG USDT/USD",
            ),
        ] {
            for symbol in symbols.split_whitespace() {
                assert_eq!(of_text(symbol), market, "{symbol}");
            }
        }
    }
}
