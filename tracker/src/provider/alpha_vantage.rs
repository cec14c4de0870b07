//! Alpha Vantage: one symbol a request, the day's session with its date only.
//!
//! One invariant: the key, which is part of every URL, reaches the service and nothing else. The loop calls it through
//! [`QuoteProvider`]; [`answer`] judges what the service says.

mod answer;
mod notice;
mod series;
mod splits;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use entity::{Split, Symbol};
use reqwest::{Url, header::HeaderMap};
use runtime::config::{AlphaVantageSettings, Secret};

use crate::{
    provider::{
        Bar, Budget, DailyHistory, DayZone, Pace, Poll, PollError, QuoteProvider, ShareSplits,
        http::Http,
    },
    quote::Quote,
};

/// The service: quotes by `GLOBAL_QUOTE`, past sessions by `TIME_SERIES_DAILY`, splits by `SPLITS`.
pub struct AlphaVantage {
    endpoint: Url,
    key: Secret,
    budget: Budget,
    http: Http,
}

/// Why an [`AlphaVantage`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AlphaVantageError {
    /// The base URL cannot have a path.
    #[error("the base URL must be http:// or https://")]
    BaseUrl,
    /// The HTTP client cannot be built: the machine has no certificates.
    #[error("cannot prepare TLS")]
    Tls(#[source] reqwest::Error),
}

impl AlphaVantage {
    /// Creates a client whose requests take at most `timeout`, including the body. Sends nothing
    /// yet. `/query` is appended to the path of the URL.
    pub fn new(
        settings: &AlphaVantageSettings,
        timeout: Duration,
    ) -> Result<Self, AlphaVantageError> {
        let mut endpoint = settings.url.clone();
        if !matches!(endpoint.scheme(), "http" | "https") {
            return Err(AlphaVantageError::BaseUrl);
        }
        endpoint
            .path_segments_mut()
            .map_err(|()| AlphaVantageError::BaseUrl)?
            .pop_if_empty()
            .push("query");
        endpoint.set_fragment(None);
        let http = Http::new(&endpoint, timeout).map_err(AlphaVantageError::Tls)?;
        Ok(Self {
            endpoint,
            // The settings require a key if the provider is listed.
            key: settings.api_key.clone().unwrap_or_else(|| Secret::new("")),
            budget: Budget {
                per_minute: Some(settings.per_minute.get()),
                per_day: Some(settings.per_day.get()),
                day: DayZone::NewYork,
            },
            http,
        })
    }

    async fn quote(&self, symbol: &Symbol) -> Result<Quote, PollError> {
        let body = self.ask("GLOBAL_QUOTE", symbol).await?;
        answer::parse(&body, symbol, &self.key)
    }

    async fn ask(&self, function: &str, symbol: &Symbol) -> Result<Vec<u8>, PollError> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("function", function)
            .append_pair("symbol", symbol.as_str())
            .append_pair("apikey", self.key.expose());
        self.http.get(url, HeaderMap::new()).await
    }
}

/// Without the URL, in which a proxy's password may stand.
impl fmt::Debug for AlphaVantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlphaVantage")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl QuoteProvider for AlphaVantage {
    fn name(&self) -> &'static str {
        "alphavantage"
    }

    fn pace(&self) -> Pace {
        Pace::Polled {
            symbols_per_request: 1,
            budget: self.budget,
        }
    }

    fn history(&self) -> Option<&dyn DailyHistory> {
        Some(self)
    }

    fn splits(&self) -> Option<&dyn ShareSplits> {
        Some(self)
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("ALPHA_VANTAGE_API_KEY")
    }

    fn knows(&self, _symbol: &Symbol) -> Option<bool> {
        None
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let [symbol] = symbols else {
            return Poll::failed(
                symbols,
                &PollError::upstream("takes one symbol at a time: not asked"),
            );
        };
        Poll {
            answers: vec![(symbol.clone(), self.quote(symbol).await)],
            position: None,
            follows: None,
        }
    }
}

/// The last 100 sessions, which every plan includes.
#[async_trait]
impl DailyHistory for AlphaVantage {
    async fn bars(&self, symbol: &Symbol) -> Result<Vec<Bar>, PollError> {
        let body = self.ask("TIME_SERIES_DAILY", symbol).await?;
        series::parse(&body, symbol, &self.key)
    }
}

#[async_trait]
impl ShareSplits for AlphaVantage {
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError> {
        let body = self.ask("SPLITS", symbol).await?;
        splits::parse(&body, symbol, &self.key)
    }
}
