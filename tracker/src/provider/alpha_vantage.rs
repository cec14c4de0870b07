//! The Alpha Vantage provider: live quotes, one symbol per request, with a trading day but no time.
//! Premium plans include requests for many United States shares, whose quotes have a time.
//!
//! The key is part of every URL. It is only sent to the service and does not appear in errors or
//! logs.

mod bulk;
mod notice;
mod quote;
#[cfg(test)]
mod recorded;
mod response;
mod search;
mod series;
mod splits;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use entity::{Split, Symbol};
use runtime::config::{AlphaVantageSettings, ProviderName, Secret};

use crate::{
    provider::{
        ClientError, DailyBar, DailyHistory, DayZone, Pacing, Poll, PollCost, PollError,
        QuoteProvider, RequestBudget, ShareSplits, SymbolMatch, SymbolSearch,
        client::{self, ApiClient},
        shape,
    },
    quote::Quote,
};

/// Maximum symbols in a request for many.
const MAX_SYMBOLS: usize = 100;

/// A client for Alpha Vantage. Quotes are from `GLOBAL_QUOTE` or `REALTIME_BULK_QUOTES`, daily
/// history from `TIME_SERIES_DAILY`, splits from `SPLITS`.
#[derive(Debug)]
pub struct AlphaVantage {
    client: ApiClient,
    key: Secret,
    budget: RequestBudget,
    /// Whether to send requests for many symbols.
    bulk: bool,
    /// Whether the plan turned out not to include them.
    bulk_refused: AtomicBool,
}

impl AlphaVantage {
    /// Creates a client whose requests take at most `timeout`, including the body. Sends no
    /// request.
    pub fn new(settings: &AlphaVantageSettings, timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self {
            client: ApiClient::new(&settings.url, timeout)?,
            key: client::required(settings.api_key.as_ref()),
            budget: RequestBudget {
                per_second: Some(settings.per_second.get()),
                per_minute: Some(settings.per_minute.get()),
                per_day: Some(settings.per_day.get()),
                day: DayZone::NewYork,
                cost: PollCost::PerRequest,
            },
            bulk: settings.bulk,
            bulk_refused: false.into(),
        })
    }

    /// Whether requests for many symbols are sent.
    fn is_bulk(&self) -> bool {
        self.bulk && !self.bulk_refused.load(Ordering::Relaxed)
    }

    /// Sends one request for United States shares. If the plan does not include it, symbols are
    /// requested one by one from then on.
    async fn quotes(&self, symbols: &[Symbol]) -> Poll {
        let (shares, others): (Vec<_>, Vec<_>) =
            symbols.iter().cloned().partition(shape::is_us_share);
        let names: Vec<&str> = shares.iter().map(Symbol::as_str).collect();
        let names = names.join(",");
        let body = self
            .request("REALTIME_BULK_QUOTES", ("symbol", &names))
            .await;
        let mut answers = match body.and_then(|body| bulk::parse(&body, &shares, &self.key)) {
            Ok(answers) => answers,
            Err(PollError::NotEntitled) => {
                self.bulk_refused.store(true, Ordering::Relaxed);
                return Poll::failed(symbols, &PollError::BatchRejected);
            }
            Err(error) => Poll::failed(&shares, &error).answers,
        };
        let error = PollError::upstream("requires a separate request");
        answers.extend(Poll::failed(&others, &error).answers);
        answers.sort_by_key(|(symbol, _)| symbols.iter().position(|other| other == symbol));
        Poll::answered(answers)
    }

    async fn quote(&self, symbol: &Symbol) -> Result<Quote, PollError> {
        let body = self.of_symbol("GLOBAL_QUOTE", symbol).await?;
        quote::parse(&body, symbol, &self.key)
    }

    async fn of_symbol(&self, function: &str, symbol: &Symbol) -> Result<Vec<u8>, PollError> {
        self.request(function, ("symbol", symbol.as_str())).await
    }

    async fn request(&self, function: &str, what: (&str, &str)) -> Result<Vec<u8>, PollError> {
        let key = ("apikey", self.key.expose());
        let query = [("function", function), what, key];
        self.client.get(&["query"], &query).await?.success()
    }
}

#[async_trait]
impl QuoteProvider for AlphaVantage {
    fn name(&self) -> &'static str {
        ProviderName::AlphaVantage.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: if self.is_bulk() { MAX_SYMBOLS } else { 1 },
            budget: self.budget,
        }
    }

    fn history(&self) -> Option<&dyn DailyHistory> {
        Some(self)
    }

    fn splits(&self) -> Option<&dyn ShareSplits> {
        Some(self)
    }

    fn search(&self) -> Option<&dyn SymbolSearch> {
        Some(self)
    }

    fn terms(&self) -> Option<&'static str> {
        Some("free plan: 25 requests a day, personal use")
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("ALPHA_VANTAGE_API_KEY")
    }

    fn note(&self) -> Option<String> {
        let refused = self.bulk_refused.load(Ordering::Relaxed);
        refused.then(|| {
            "the plan does not include ALPHA_VANTAGE_BULK, so each symbol takes a request"
                .to_owned()
        })
    }

    /// Quotes are of shares, funds and indices.
    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        shape::is_pair(symbol).then_some(false)
    }

    /// Requests for many symbols only include shares of the United States.
    fn shares_request(&self, symbol: &Symbol, other: &Symbol) -> bool {
        shape::is_us_share(symbol) && shape::is_us_share(other)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        match symbols {
            [symbol] => Poll::answered(vec![(symbol.clone(), self.quote(symbol).await)]),
            symbols if self.is_bulk() => self.quotes(symbols).await,
            symbols => Poll::failed(
                symbols,
                &PollError::upstream("more than one symbol in a request"),
            ),
        }
    }
}

/// Returns the last 100 sessions, which every plan includes.
#[async_trait]
impl DailyHistory for AlphaVantage {
    async fn bars(&self, symbol: &Symbol) -> Result<Vec<DailyBar>, PollError> {
        let body = self.of_symbol("TIME_SERIES_DAILY", symbol).await?;
        series::parse(&body, symbol, &self.key)
    }
}

#[async_trait]
impl ShareSplits for AlphaVantage {
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError> {
        let body = self.of_symbol("SPLITS", symbol).await?;
        splits::parse(&body, symbol, &self.key)
    }
}

#[async_trait]
impl SymbolSearch for AlphaVantage {
    async fn search(&self, text: &str) -> Result<Vec<SymbolMatch>, PollError> {
        let body = self.request("SYMBOL_SEARCH", ("keywords", text)).await?;
        search::parse(&body, &self.key)
    }
}
