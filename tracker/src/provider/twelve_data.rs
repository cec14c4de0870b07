//! The Twelve Data provider: quotes of shares and pairs, and a search for symbols.
//!
//! Each symbol costs a credit, also in a request for several.

mod error;
mod quote;
mod search;

use std::time::Duration;

use async_trait::async_trait;
use entity::Symbol;
use runtime::config::{ProviderName, Secret, TwelveDataSettings};

use super::{
    ClientError, DayZone, Pacing, Poll, PollCost, PollError, QuoteProvider, RequestBudget,
    SymbolMatch, SymbolSearch,
    client::{self, ApiClient},
    http::HttpResponse,
};

/// Maximum symbols in a request, as far as the credits allow.
const MAX_SYMBOLS: usize = 100;

/// A client for Twelve Data. The key is in a header.
#[derive(Debug)]
pub struct TwelveData {
    client: ApiClient,
    key: Secret,
    budget: RequestBudget,
}

impl TwelveData {
    /// Creates a client whose requests take at most `timeout`. Sends no request.
    pub fn new(settings: &TwelveDataSettings, timeout: Duration) -> Result<Self, ClientError> {
        let key = client::required(settings.api_key.as_ref());
        let client = ApiClient::new(&settings.url, timeout)?;
        Ok(Self {
            client: client.with_secret("authorization", "apikey ", &key)?,
            key,
            budget: RequestBudget {
                per_second: Some(settings.per_second.get()),
                per_minute: Some(settings.per_minute.get()),
                per_day: Some(settings.per_day.get()),
                day: DayZone::Utc,
                cost: PollCost::PerSymbol,
            },
        })
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<u8>, PollError> {
        let response = self.client.get(&[path], query).await?;
        body(response, &self.key)
    }
}

#[async_trait]
impl QuoteProvider for TwelveData {
    fn name(&self) -> &'static str {
        ProviderName::TwelveData.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: MAX_SYMBOLS,
            budget: self.budget,
        }
    }

    fn knows(&self, _symbol: &Symbol) -> Option<bool> {
        None
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
        let body = self.get("quote", &[("symbol", &names.join(","))]).await;
        match body.and_then(|body| quote::parse(&body, symbols, &self.key)) {
            Ok(answers) => Poll::answered(answers),
            Err(PollError::UnknownSymbol) if symbols.len() > 1 => {
                Poll::failed(symbols, &PollError::BatchRejected)
            }
            Err(error) => Poll::failed(symbols, &error),
        }
    }

    fn search(&self) -> Option<&dyn SymbolSearch> {
        Some(self)
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("TWELVE_DATA_API_KEY")
    }

    fn terms(&self) -> Option<&'static str> {
        Some("free plan: personal use")
    }
}

#[async_trait]
impl SymbolSearch for TwelveData {
    async fn search(&self, text: &str) -> Result<Vec<SymbolMatch>, PollError> {
        let query = [("symbol", text), ("outputsize", "50")];
        search::parse(&self.get("symbol_search", &query).await?, &self.key)
    }
}

/// Returns the body, or the error that it means. Errors come with any status, so the body
/// decides.
fn body(response: HttpResponse, key: &Secret) -> Result<Vec<u8>, PollError> {
    match error::of(&response.body, key) {
        Some(error) => Err(error),
        None => response.success(),
    }
}

#[cfg(test)]
mod tests;
