//! Which symbols a provider can serve by their notation, and how it writes them.

use entity::Symbol;
use market::Market;

/// Whether a symbol is a pair of currencies with a slash, such as `BTC/USD`.
pub(super) fn is_pair(symbol: &Symbol) -> bool {
    Market::of(symbol).is_always_open() && symbol.as_str().contains('/')
}

/// Whether a symbol is a share of an exchange of the United States, such as `BRK.B`, but not an
/// index.
pub(super) fn is_us_share(symbol: &Symbol) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-/".contains(&byte);
    Market::of(symbol) == Market::Us && symbol.as_str().bytes().all(allowed)
}

/// Returns a share's symbol with a point before its class: `BRK.B` for `BRK-B` and `BRK/B`. Other
/// symbols are returned as they are.
pub(super) fn dotted(symbol: &Symbol) -> String {
    if is_us_share(symbol) {
        symbol.as_str().replace(['-', '/'], ".")
    } else {
        symbol.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_shares_are_told_apart() {
        let symbol = |text: &str| text.parse::<Symbol>().expect("a symbol");
        for pair in ["BTC/USD", "EUR/USD", "AAPLX/USD"] {
            assert!(is_pair(&symbol(pair)), "{pair}");
            assert!(!is_us_share(&symbol(pair)), "{pair}");
        }
        for (share, written) in [
            ("AAPL", "AAPL"),
            ("BRK.B", "BRK.B"),
            ("BRK-B", "BRK.B"),
            ("BRK/B", "BRK.B"),
        ] {
            assert!(is_us_share(&symbol(share)), "{share}");
            assert_eq!(dotted(&symbol(share)), written);
        }
        for other in [
            "BTC_USD=X",
            "BINANCE:BTCUSDT",
            "^GSPC",
            "TSCO.LON",
            "RY:TSX",
            "ES=F",
            "7203.T",
        ] {
            assert!(!is_us_share(&symbol(other)), "{other}");
            assert!(!is_pair(&symbol(other)), "{other}");
            assert_eq!(dotted(&symbol(other)), other);
        }
    }
}
