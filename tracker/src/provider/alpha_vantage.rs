//! The Alpha Vantage provider: live quotes, one symbol per request, with a trading day but no time.
//!
//! The key is part of every URL. It is only sent to the service and does not appear in errors or
//! logs.

mod notice;
mod quote;
#[cfg(test)]
mod recorded;
mod response;
mod series;
mod splits;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use entity::{Split, Symbol};
use reqwest::{Url, header::HeaderMap};
use runtime::config::{AlphaVantageSettings, ProviderName, Secret};

use crate::{
    provider::{
        DailyBar, DailyHistory, DayZone, Pacing, Poll, PollError, QuoteProvider, RequestBudget,
        ShareSplits, http::HttpClient,
    },
    quote::Quote,
};

/// A client for Alpha Vantage. Quotes are from `GLOBAL_QUOTE`, daily history from
/// `TIME_SERIES_DAILY`, splits from `SPLITS`.
pub struct AlphaVantage {
    endpoint: Url,
    key: Secret,
    budget: RequestBudget,
    http: HttpClient,
}

/// Why the client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum AlphaVantageError {
    /// The URL is not `http` or `https`.
    #[error("must be an http:// or https:// URL")]
    BaseUrl,
    /// The HTTP client cannot be built because the system has no root certificates.
    #[error("cannot load the root certificates for TLS")]
    Tls(#[source] reqwest::Error),
}

impl AlphaVantage {
    /// Creates a client whose requests take at most `timeout`, including the body. Sends no
    /// request. `/query` is appended to the path of the URL.
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
        let http = HttpClient::new(&endpoint, timeout).map_err(AlphaVantageError::Tls)?;
        Ok(Self {
            endpoint,
            // The settings require a key if the provider is listed.
            key: settings.api_key.clone().unwrap_or_else(|| Secret::new("")),
            budget: RequestBudget {
                per_minute: Some(settings.per_minute.get()),
                per_day: Some(settings.per_day.get()),
                day: DayZone::NewYork,
            },
            http,
        })
    }

    async fn quote(&self, symbol: &Symbol) -> Result<Quote, PollError> {
        let body = self.request("GLOBAL_QUOTE", symbol).await?;
        quote::parse(&body, symbol, &self.key)
    }

    async fn request(&self, function: &str, symbol: &Symbol) -> Result<Vec<u8>, PollError> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("function", function)
            .append_pair("symbol", symbol.as_str())
            .append_pair("apikey", self.key.expose());
        self.http.get(url, HeaderMap::new()).await
    }
}

/// Omits the URL, which may contain the password of a proxy.
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
        ProviderName::AlphaVantage.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
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
                &PollError::upstream("more than one symbol in a request"),
            );
        };
        Poll {
            answers: vec![(symbol.clone(), self.quote(symbol).await)],
            position: None,
            follows: None,
        }
    }
}

/// Returns the last 100 sessions, which every plan includes.
#[async_trait]
impl DailyHistory for AlphaVantage {
    async fn bars(&self, symbol: &Symbol) -> Result<Vec<DailyBar>, PollError> {
        let body = self.request("TIME_SERIES_DAILY", symbol).await?;
        series::parse(&body, symbol, &self.key)
    }
}

#[async_trait]
impl ShareSplits for AlphaVantage {
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError> {
        let body = self.request("SPLITS", symbol).await?;
        splits::parse(&body, symbol, &self.key)
    }
}
