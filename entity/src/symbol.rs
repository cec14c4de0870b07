//! The value type of a ticker symbol.

use std::{fmt, str::FromStr, sync::Arc};

use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum number of characters.
const MAX_LENGTH: usize = 32;

/// A ticker: 1 to 32 characters of `A–Z 0–9 . - ^ = / & : _`. Parsing accepts lower case and
/// converts it to upper case, so equal tickers are equal values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Symbol(Arc<str>);

/// The text is not a [`Symbol`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a symbol: 1 to 32 of A-Z 0-9 . - ^ = / & : _")]
pub struct SymbolError;

impl Symbol {
    /// The text of the symbol.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-^=/&:_".contains(&byte);
        if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(allowed) {
            return Err(SymbolError);
        }
        Ok(Self(text.to_ascii_uppercase().into()))
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_kept_in_upper_case() {
        for (given, kept) in [
            ("aapl", "AAPL"),
            ("brk.b", "BRK.B"),
            ("^gspc", "^GSPC"),
            ("eur/usd=x", "EUR/USD=X"),
            ("m&m.ns", "M&M.NS"),
            ("fra:iqqe", "FRA:IQQE"),
            ("btc_usd", "BTC_USD"),
            (&"a".repeat(32), &"A".repeat(32)),
        ] {
            assert_eq!(
                given.parse::<Symbol>().map(|symbol| symbol.to_string()),
                Ok(kept.to_owned())
            );
        }
    }

    #[test]
    fn an_invalid_symbol_is_rejected() {
        for text in [
            "",
            " ",
            "AA PL",
            "A+B",
            "A,B",
            "A%26B",
            "\u{e4}",
            &"A".repeat(33),
            "A\0",
        ] {
            assert_eq!(text.parse::<Symbol>(), Err(SymbolError), "{text:?}");
        }
    }
}
