//! The Alpaca provider: quotes of many United States shares in one request, splits, and a stream of
//! trades.
//!
//! With the feed `iex`, which is free, prices and volumes are of one exchange, with about 2.5 % of
//! the volume of the market.

mod condition;
mod snapshot;
mod splits;
mod stream;

use std::time::Duration;

use async_trait::async_trait;
use entity::{Split, Symbol};
use reqwest::{StatusCode, Url};
use runtime::{
    clock::SharedClock,
    config::{AlpacaSettings, ProviderName, Secret},
};

use self::snapshot::Snapshots;
use super::{
    ClientError, Pacing, Poll, PollError, QuoteProvider, RequestBudget, ShareSplits,
    StreamProtocol,
    client::{self, ApiClient},
    field,
    http::HttpResponse,
    json, shape,
};

/// Maximum symbols in a request, which keeps URLs and bodies small.
const MAX_SYMBOLS: usize = 100;
/// The feed that the free plan includes.
const FEED: &str = "iex";
/// Announced splits are requested up to this many days ahead.
const AHEAD_DAYS: u64 = 90;

/// A client for Alpaca. The keys are in headers of requests, and in a frame of the stream.
#[derive(Debug)]
pub struct Alpaca {
    client: ApiClient,
    stream_url: Url,
    key: Secret,
    secret: Secret,
    slots: usize,
    budget: RequestBudget,
    clock: SharedClock,
}

impl Alpaca {
    /// Creates a client whose requests take at most `timeout`. Sends no request. The `clock` bounds
    /// the days of announced splits.
    pub fn new(
        settings: &AlpacaSettings,
        timeout: Duration,
        clock: SharedClock,
    ) -> Result<Self, ClientError> {
        let key = client::required(settings.api_key_id.as_ref());
        let secret = client::required(settings.api_secret_key.as_ref());
        let client = ApiClient::new(&settings.url, timeout)?
            .with_secret("apca-api-key-id", "", &key)?
            .with_secret("apca-api-secret-key", "", &secret)?;
        Ok(Self {
            client,
            stream_url: settings.stream_url.clone(),
            key,
            secret,
            slots: settings.stream_symbols,
            budget: RequestBudget {
                per_second: Some(settings.per_second.get()),
                per_minute: Some(settings.per_minute.get()),
                ..RequestBudget::UNLIMITED
            },
            clock,
        })
    }

    /// Returns the keys, which no text of an error may contain.
    fn secrets(&self) -> [&Secret; 2] {
        [&self.key, &self.secret]
    }
}

#[async_trait]
impl QuoteProvider for Alpaca {
    fn name(&self) -> &'static str {
        ProviderName::Alpaca.as_str()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: MAX_SYMBOLS,
            budget: self.budget,
        }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        (!shape::is_us_share(symbol)).then_some(false)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let known = symbols.iter().filter(|it| self.knows(it) != Some(false));
        let names: Vec<String> = known.map(shape::dotted).collect();
        if names.is_empty() {
            return Poll::failed(symbols, &PollError::UnknownSymbol);
        }
        let listed = names.join(",");
        let query = [("symbols", listed.as_str()), ("feed", FEED)];
        let path = ["v2", "stocks", "snapshots"];
        let response = self.client.get(&path, &query).await;
        let body = response
            .map_err(Failure::from)
            .and_then(|response| body(response, &self.secrets()));
        let snapshots = match &body {
            Ok(body) => Snapshots::parse(body).map_err(Failure::from),
            Err(failure) => Err(failure.clone()),
        };
        let answers = symbols.iter().map(|symbol| {
            let answer = match &snapshots {
                _ if self.knows(symbol) == Some(false) => Err(PollError::UnknownSymbol),
                Ok(snapshots) => snapshots.quote(symbol),
                Err(failure) => Err(failure.of(symbol, names.len())),
            };
            (symbol.clone(), answer)
        });
        Poll::answered(answers.collect())
    }

    fn splits(&self) -> Option<&dyn ShareSplits> {
        Some(self)
    }

    fn stream(&self) -> Option<&dyn StreamProtocol> {
        Some(self)
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("ALPACA_API_KEY_ID, ALPACA_API_SECRET_KEY")
    }

    fn terms(&self) -> Option<&'static str> {
        Some("free plan: personal, non-commercial use; prices and volumes of the IEX exchange only")
    }
}

#[async_trait]
impl ShareSplits for Alpaca {
    async fn splits(&self, symbol: &Symbol) -> Result<Vec<Split>, PollError> {
        let today = self.clock.now().to_utc().date_naive();
        let end = today + chrono::Days::new(AHEAD_DAYS);
        let (name, end) = (shape::dotted(symbol), end.to_string());
        let query = [
            ("symbols", name.as_str()),
            ("types", "forward_split,reverse_split"),
            ("start", "2000-01-01"),
            ("end", &end),
            ("limit", "1000"),
        ];
        let path = ["v1beta1", "corporate-actions"];
        let response = self.client.get(&path, &query).await?;
        let body = body(response, &self.secrets());
        let body = body.map_err(|failure| failure.of(symbol, 1))?;
        splits::parse(&body, symbol)
    }
}

/// Why a request for several symbols failed.
#[derive(Clone, Debug)]
struct Failure {
    error: PollError,
    /// The symbols that the service does not accept, if it names them.
    invalid: Vec<String>,
}

impl From<PollError> for Failure {
    fn from(error: PollError) -> Self {
        Self {
            error,
            invalid: Vec::new(),
        }
    }
}

impl Failure {
    /// The error of one of the requested symbols.
    fn of(&self, symbol: &Symbol, requested: usize) -> PollError {
        let is_named = || self.invalid.contains(&shape::dotted(symbol));
        if self.error != PollError::UnknownSymbol || requested == 1 || is_named() {
            self.error.clone()
        } else {
            PollError::BatchRejected
        }
    }
}

/// Returns the body of a successful response. The service sends the reason of others as `message`,
/// which is repeated without `secrets`.
fn body(response: HttpResponse, secrets: &[&Secret]) -> Result<Vec<u8>, Failure> {
    let fields: Option<json::Object<'_>> = serde_json::from_slice(&response.body).ok();
    let message = fields.and_then(|fields| json::text_of(&fields, "message").map(String::from));
    let message = message.unwrap_or_default();
    let lower = message.to_ascii_lowercase();
    let is_rejected = matches!(
        response.status,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
    );
    if response.status == StatusCode::FORBIDDEN && lower.contains("subscription") {
        Err(PollError::NotEntitled.into())
    } else if is_rejected && lower.contains("invalid symbol") {
        let (_, invalid) = message.split_once(':').unwrap_or_default();
        let invalid = invalid.split(',').map(|name| name.trim().to_owned());
        Err(Failure {
            error: PollError::UnknownSymbol,
            invalid: invalid.collect(),
        })
    } else if is_rejected && !message.is_empty() {
        Err(PollError::upstream(field::excerpt(&message, secrets)).into())
    } else {
        response.success().map_err(Failure::from)
    }
}

#[cfg(test)]
mod tests;
