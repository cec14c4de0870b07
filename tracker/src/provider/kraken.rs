//! The Kraken provider: live prices of pairs such as `BTC/USD`, without a key.
//!
//! A pair trades at all hours and its day is the UTC day. The figures of the last 24 hours that
//! Kraken sends beside those of the day are never used. Tokenised shares such as `AAPLX/USD` are
//! pairs like any other; they are not the share.

mod pairs;
mod stream;
mod ticker;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::Symbol;
use parking_lot::RwLock;
use reqwest::Url;
use runtime::{
    clock::SharedClock,
    config::{KrakenSettings, ProviderName},
};

use self::pairs::Pairs;
use super::{
    ClientError, Pacing, Poll, PollError, QuoteProvider, RequestBudget, StreamProtocol, SymbolList,
    SymbolMatch, client::ApiClient, field, http::HttpResponse, json,
};
use crate::quote::Quote;

/// Maximum symbols in a request once the list is loaded, which keeps URLs below 2 KiB.
const MAX_SYMBOLS: usize = 100;
/// Maximum size of the list of pairs, in bytes.
const MAX_LIST: usize = 8 * 1024 * 1024;
/// The wait after too many requests, whose counter recovers by the second.
const RATE_WAIT: Duration = Duration::from_secs(15);

/// The list of pairs, which is replaced when it is loaded.
type SharedPairs = Arc<RwLock<Arc<Pairs>>>;

/// A client for the public API of Kraken.
#[derive(Debug)]
pub struct Kraken {
    client: ApiClient,
    stream_url: Url,
    budget: RequestBudget,
    clock: SharedClock,
    pairs: SharedPairs,
    /// Whether each part of the list may have a pair that is no longer listed. It is used until it
    /// is loaded again.
    outdated: [AtomicBool; 2],
}

impl Kraken {
    /// Creates a client whose requests take at most `timeout`. Sends no request. The day of
    /// a price, which Kraken does not send, comes from `clock`.
    pub fn new(
        settings: &KrakenSettings,
        timeout: Duration,
        clock: SharedClock,
    ) -> Result<Self, ClientError> {
        Ok(Self {
            client: ApiClient::new(&settings.url, timeout)?,
            stream_url: settings.stream_url.clone(),
            budget: RequestBudget {
                per_second: Some(settings.per_second.get()),
                per_minute: Some(settings.per_minute.get()),
                ..RequestBudget::UNLIMITED
            },
            clock,
            pairs: SharedPairs::default(),
            outdated: Default::default(),
        })
    }

    fn pairs(&self) -> Arc<Pairs> {
        Arc::clone(&self.pairs.read())
    }

    fn today(&self) -> NaiveDate {
        self.clock.now().to_utc().date_naive()
    }

    /// Sends one request for symbols that can share it.
    async fn request(
        &self,
        pairs: &Pairs,
        symbols: &[Symbol],
    ) -> Result<HashMap<Symbol, Result<Quote, PollError>>, PollError> {
        let names: Vec<&str> = symbols.iter().map(|it| pairs.rest_name(it)).collect();
        let (names, day) = (names.join(","), self.today());
        let mut query = vec![("pair", names.as_str())];
        if symbols.iter().any(|symbol| pairs.is_tokenized(symbol)) {
            query.push(("asset_class", "tokenized_asset"));
        }
        let path = ["0", "public", "Ticker"];
        let body = body(self.client.get(&path, &query).await?)?;
        if self.today() != day {
            // The figures may be of either day.
            return Err(PollError::NoQuote);
        }
        ticker::parse(&body, symbols, pairs, day)
    }
}

#[async_trait]
impl QuoteProvider for Kraken {
    fn name(&self) -> &'static str {
        ProviderName::Kraken.as_str()
    }

    /// Without the list, symbols are requested one by one, because an unknown pair fails the whole
    /// request.
    fn pacing(&self) -> Pacing {
        let is_listed = self.pairs().is_complete();
        Pacing::Polled {
            symbols_per_request: if is_listed { MAX_SYMBOLS } else { 1 },
            budget: self.budget,
        }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.pairs().knows(symbol)
    }

    /// Tokenised assets are requested by a parameter that excludes other pairs.
    fn shares_request(&self, symbol: &Symbol, other: &Symbol) -> bool {
        let pairs = self.pairs();
        pairs.is_tokenized(symbol) == pairs.is_tokenized(other)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        // The list may be replaced during the request.
        let pairs = self.pairs();
        let known = symbols.iter().filter(|it| pairs.knows(it) != Some(false));
        let known: Vec<Symbol> = known.cloned().collect();
        let Some(first) = known.first() else {
            return Poll::failed(symbols, &PollError::UnknownSymbol);
        };
        let tokenized = pairs.is_tokenized(first);
        let joins = |symbol: &&Symbol| pairs.is_tokenized(symbol) == tokenized;
        let requested: Vec<Symbol> = known.iter().filter(joins).cloned().collect();
        let quotes = self.request(&pairs, &requested).await;
        let quotes = quotes.map_err(|error| match error {
            // The list may be outdated.
            PollError::UnknownSymbol if requested.len() > 1 => {
                self.outdated[usize::from(tokenized)].store(true, Ordering::Relaxed);
                PollError::BatchRejected
            }
            PollError::UnknownSymbol if pairs.may_be_tokenized(first) => PollError::ListMissing,
            error => error,
        });
        let answers = symbols.iter().map(|symbol| {
            let answer = match &quotes {
                _ if !known.contains(symbol) => Err(PollError::UnknownSymbol),
                _ if !joins(&symbol) => {
                    Err(PollError::upstream("requires another kind of request"))
                }
                Ok(quotes) => quotes[symbol].clone(),
                Err(error) => Err(error.clone()),
            };
            (symbol.clone(), answer)
        });
        Poll::answered(answers.collect())
    }

    fn list(&self) -> Option<&dyn SymbolList> {
        Some(self)
    }

    fn stream(&self) -> Option<&dyn StreamProtocol> {
        Some(self)
    }

    fn terms(&self) -> Option<&'static str> {
        Some("public market data without a key; redistribution terms are not verified")
    }
}

/// The list has two parts: the pairs of currencies, and those of tokenised assets.
#[async_trait]
impl SymbolList for Kraken {
    fn parts(&self) -> usize {
        2
    }

    async fn load(&self, part: usize) -> Result<(), PollError> {
        let tokenized = part == 1;
        let query = [("aclass_base", "tokenized_asset")];
        let query = if tokenized { &query[..] } else { &[] };
        let path = ["0", "public", "AssetPairs"];
        let response = self.client.get_at_most(MAX_LIST, &path, query).await?;
        let listed = pairs::parse(&body(response)?)?;
        let mut pairs = self.pairs.write();
        *pairs = Arc::new(pairs.with(listed, tokenized));
        self.outdated[part].store(false, Ordering::Relaxed);
        Ok(())
    }

    fn is_loaded(&self, part: usize) -> bool {
        self.pairs().has_part(part == 1) && !self.outdated[part].load(Ordering::Relaxed)
    }

    fn find(&self, text: &str) -> Vec<SymbolMatch> {
        self.pairs().find(text)
    }
}

/// Returns the body of a successful response. The body of others may describe what failed.
fn body(response: HttpResponse) -> Result<Vec<u8>, PollError> {
    let fields = json::response(&response.body).ok();
    match fields.and_then(|fields| error_in(&fields)) {
        Some(error) if !response.status.is_success() && response.wait.is_none() => Err(error),
        _ => response.success(),
    }
}

/// Returns the first error of a response, if it has one. Warnings do not count.
fn error_in(response: &json::Object<'_>) -> Option<PollError> {
    let errors = response
        .get("error")
        .and_then(|errors| json::list(errors))?;
    let mut errors = errors
        .into_iter()
        .filter_map(|error| json::text(Some(error)))
        .filter(|error| !error.starts_with('W'));
    errors.next().map(|error| error_of(&error))
}

/// Returns the result of a response, or its first error.
fn result(body: &[u8]) -> Result<json::Object<'_>, PollError> {
    let response: json::Object<'_> = json::response(body)?;
    if let Some(error) = error_in(&response) {
        return Err(error);
    }
    let result = response
        .get("result")
        .and_then(|result| json::object(result));
    result.ok_or_else(|| PollError::malformed("no result"))
}

/// Returns what an error of the API or of the stream means.
fn error_of(text: &str) -> PollError {
    let lower = text.to_ascii_lowercase();
    let contains = |words: &str| lower.contains(words);
    if contains("unknown asset pair") || contains("not supported") {
        PollError::UnknownSymbol
    } else if contains("rate limit") || contains("too many requests") {
        PollError::RateLimited { wait: RATE_WAIT }
    } else if contains("permission denied") || contains("private data") {
        PollError::refused(field::excerpt(text, &[]))
    } else {
        PollError::upstream(field::excerpt(text, &[]))
    }
}

#[cfg(test)]
mod tests;
