//! The Finnhub provider: live quotes of shares, one symbol per request, and a stream of trades.

mod parse;
mod stream;

use std::time::Duration;

use async_trait::async_trait;
use entity::Symbol;
use market::Market;
use reqwest::Url;
use runtime::config::{FinnhubSettings, ProviderName, Secret};

use super::{
    ClientError, Pacing, Poll, PollError, QuoteProvider, RequestBudget, StreamProtocol,
    SymbolMatch, SymbolSearch,
    client::{self, ApiClient},
    http::HttpResponse,
    shape,
};

/// A client for Finnhub. The key is in a header of requests, and in the URL of the stream.
#[derive(Debug)]
pub struct Finnhub {
    client: ApiClient,
    stream_url: Url,
    key: Secret,
    slots: usize,
    budget: RequestBudget,
}

impl Finnhub {
    /// Creates a client whose requests take at most `timeout`. Sends no request.
    pub fn new(settings: &FinnhubSettings, timeout: Duration) -> Result<Self, ClientError> {
        let key = client::required(settings.api_key.as_ref());
        let client = ApiClient::new(&settings.url, timeout)?;
        Ok(Self {
            client: client.with_secret("x-finnhub-token", "", &key)?,
            stream_url: settings.stream_url.clone(),
            key,
            slots: settings.stream_symbols,
            budget: RequestBudget {
                per_second: Some(settings.per_second.get()),
                per_minute: Some(settings.per_minute.get()),
                ..RequestBudget::UNLIMITED
            },
        })
    }

    async fn get(&self, endpoint: &str, query: (&str, &str)) -> Result<Vec<u8>, PollError> {
        let path = ["api", "v1", endpoint];
        body(self.client.get(&path, &[query]).await?)
    }
}

#[async_trait]
impl QuoteProvider for Finnhub {
    fn name(&self) -> &'static str {
        ProviderName::Finnhub.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: 1,
            budget: self.budget,
        }
    }

    /// Pairs are written with their venue, such as `BINANCE:BTCUSDT`.
    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        let served = match Market::of(symbol) {
            Market::Us => shape::is_us_share(symbol) || symbol.as_str().contains(':'),
            Market::Crypto | Market::Forex => symbol.as_str().contains(':'),
            Market::Other => true,
        };
        (!served).then_some(false)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let [symbol] = symbols else {
            let error = PollError::upstream("more than one symbol in a request");
            return Poll::failed(symbols, &error);
        };
        let answer = if self.knows(symbol) == Some(false) {
            Err(PollError::UnknownSymbol)
        } else {
            let wire = shape::dotted(symbol);
            let body = self.get("quote", ("symbol", &wire)).await;
            body.and_then(|body| parse::quote(&body, symbol))
        };
        Poll::answered(vec![(symbol.clone(), answer)])
    }

    fn search(&self) -> Option<&dyn SymbolSearch> {
        Some(self)
    }

    fn stream(&self) -> Option<&dyn StreamProtocol> {
        Some(self)
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("FINNHUB_API_KEY")
    }

    fn terms(&self) -> Option<&'static str> {
        Some("free plan: personal use, results may not be shared with third parties")
    }
}

#[async_trait]
impl SymbolSearch for Finnhub {
    async fn search(&self, text: &str) -> Result<Vec<SymbolMatch>, PollError> {
        parse::matches(&self.get("search", ("q", text)).await?)
    }
}

/// Returns the body of a successful response. 403 means that the plan does not include the symbol,
/// unless the text is about the key.
fn body(response: HttpResponse) -> Result<Vec<u8>, PollError> {
    if response.status == 403 {
        let text = String::from_utf8_lossy(&response.body).to_ascii_lowercase();
        if text.contains("have access") {
            return Err(PollError::NotEntitled);
        }
    }
    response.success()
}

#[cfg(test)]
mod tests;
