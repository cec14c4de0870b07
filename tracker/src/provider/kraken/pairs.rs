//! The pairs of Kraken: their symbols, and their names in the REST API and in the stream.

use std::{borrow::Cow, collections::HashMap};

use entity::Symbol;

use super::result;
use crate::provider::{PollError, SymbolMatch, json, search::matching, shape};

/// The pairs by their symbols.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs {
    by_symbol: HashMap<Symbol, Pair>,
    has_currencies: bool,
    has_tokenized: bool,
}

/// A pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// The name in the stream, such as `BTC/USD` or `AAPLx/USD`.
    pub(super) wire: String,
    /// The name in the REST API, which is the key of results, such as `XXBTZUSD`.
    pub(super) rest: String,
    /// Whether it is a tokenised asset.
    pub(super) tokenized: bool,
}

impl Pairs {
    /// Returns the list with one of its halves replaced.
    pub(super) fn with(&self, listed: Vec<(Symbol, Pair)>, tokenized: bool) -> Self {
        let kept = self.by_symbol.iter();
        let mut by_symbol: HashMap<_, _> = kept
            .filter(|(_, pair)| pair.tokenized != tokenized)
            .map(|(symbol, pair)| (symbol.clone(), pair.clone()))
            .collect();
        for (symbol, pair) in listed {
            by_symbol
                .entry(symbol)
                .or_insert(Pair { tokenized, ..pair });
        }
        Self {
            by_symbol,
            has_currencies: self.has_currencies || !tokenized,
            has_tokenized: self.has_tokenized || tokenized,
        }
    }

    /// Whether both halves of the list are loaded.
    pub(super) fn is_complete(&self) -> bool {
        self.has_currencies && self.has_tokenized
    }

    /// Whether the half of tokenised assets, or the other one, is loaded.
    pub(super) fn has_part(&self, tokenized: bool) -> bool {
        if tokenized {
            self.has_tokenized
        } else {
            self.has_currencies
        }
    }

    /// Whether a symbol is a listed pair, or `None` if that is not known.
    pub(super) fn knows(&self, symbol: &Symbol) -> Option<bool> {
        let listed = self.by_symbol.contains_key(symbol);
        (listed || !self.may_be_added(symbol)).then_some(listed)
    }

    /// Whether a symbol may be a pair of a half of the list that is not loaded.
    fn may_be_added(&self, symbol: &Symbol) -> bool {
        let is_missing = !self.has_currencies || self.may_be_tokenized(symbol);
        let has_usual_names = || symbol.as_str().split('/').all(|it| asset(it) == it);
        is_missing && shape::is_pair(symbol) && has_usual_names()
    }

    pub(super) fn is_tokenized(&self, symbol: &Symbol) -> bool {
        self.by_symbol
            .get(symbol)
            .is_some_and(|pair| pair.tokenized)
    }

    /// Whether a symbol may be a tokenised asset, such as `AAPLX/USD`: the half of the list that
    /// has them is not loaded. Without it, the name of the symbol in requests is not known.
    pub(super) fn may_be_tokenized(&self, symbol: &Symbol) -> bool {
        let base = symbol.as_str().split('/').next();
        let is_named_so = base.is_some_and(|base| base.ends_with('X'));
        is_named_so && !self.has_tokenized && !self.by_symbol.contains_key(symbol)
    }

    /// The name of a symbol in the REST API. The service also accepts names such as `BTC/USD`.
    pub(super) fn rest_name<'a>(&'a self, symbol: &'a Symbol) -> &'a str {
        let listed = self.by_symbol.get(symbol);
        listed.map_or(symbol.as_str(), |pair| pair.rest.as_str())
    }

    /// The name of a symbol in the stream.
    pub(super) fn wire_name<'a>(&'a self, symbol: &'a Symbol) -> &'a str {
        let listed = self.by_symbol.get(symbol);
        listed.map_or(symbol.as_str(), |pair| pair.wire.as_str())
    }

    /// Returns the symbols that contain a text, in any case, the shortest first.
    pub(super) fn find(&self, text: &str) -> Vec<SymbolMatch> {
        let listed = self.by_symbol.iter().map(|(symbol, pair)| SymbolMatch {
            symbol: symbol.clone(),
            name: Some(pair.wire.clone()),
            kind: Some(kind(pair.tokenized).to_owned()),
            exchange: Some(exchange(pair.tokenized).to_owned()),
            currency: currency(symbol),
        });
        matching(listed.map(Cow::Owned), text)
    }
}

/// The kind of a pair.
fn kind(tokenized: bool) -> &'static str {
    if tokenized { "Tokenised share" } else { "Pair" }
}

/// The name of the exchange of a pair.
pub(super) fn exchange(tokenized: bool) -> &'static str {
    if tokenized {
        "Kraken xStocks"
    } else {
        "Kraken"
    }
}

/// The code of the currency in which a pair is quoted.
pub(super) fn currency(symbol: &Symbol) -> Option<String> {
    let (_, quote) = symbol.as_str().rsplit_once('/')?;
    (quote.len() == 3).then(|| quote.to_owned())
}

/// Parses the response to `AssetPairs`. Pairs without a name are left out.
pub(super) fn parse(body: &[u8]) -> Result<Vec<(Symbol, Pair)>, PollError> {
    let listed = result(body)?;
    let pairs: Vec<_> = listed
        .iter()
        .filter_map(|(rest, raw)| pair(rest, &json::object(raw)?))
        .collect();
    if pairs.is_empty() {
        return Err(PollError::malformed("no pair in the list"));
    }
    Ok(pairs)
}

fn pair(rest: &str, fields: &json::Object<'_>) -> Option<(Symbol, Pair)> {
    let name = json::text_of(fields, "wsname")?;
    let (base, quote) = name.split_once('/')?;
    let wire = format!("{}/{}", asset(base), asset(quote));
    let pair = Pair {
        rest: rest.to_owned(),
        tokenized: false,
        wire,
    };
    Some((pair.wire.parse().ok()?, pair))
}

/// Returns the usual name of an asset whose old name is in the list.
fn asset(name: &str) -> Cow<'_, str> {
    match name {
        "XBT" => "BTC".into(),
        "XDG" => "DOGE".into(),
        name => name.into(),
    }
}

/// Whether a key of a result is the name of a symbol: `BTC/USD`, `XBTUSD` and `XXBTZUSD` for
/// `BTC/USD`.
pub(super) fn is_name_of(key: &str, symbol: &Symbol) -> bool {
    let Some((base, quote)) = symbol.as_str().split_once('/') else {
        return false;
    };
    let names = |asset: &str| match asset {
        "BTC" => vec!["BTC".to_owned(), "XBT".to_owned(), "XXBT".to_owned()],
        "DOGE" => vec!["DOGE".to_owned(), "XDG".to_owned(), "XXDG".to_owned()],
        asset => vec![asset.to_owned(), format!("X{asset}"), format!("Z{asset}")],
    };
    let key = key.to_ascii_uppercase();
    names(base).iter().any(|base| {
        let rest = key.strip_prefix(base.as_str());
        rest.is_some_and(|rest| {
            let rest = rest.strip_prefix('/').unwrap_or(rest);
            names(quote).iter().any(|quote| quote == rest)
        })
    })
}
