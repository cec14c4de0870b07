//! The configured providers, in failover order.
//!
//! They are created before the database is opened, without sending requests, so that settings that
//! cannot be used prevent the start.

use std::{fmt, sync::Arc, time::Duration};

use runtime::{
    clock::SystemClock,
    config::{ProviderName, Settings},
};

use crate::provider::{
    Alpaca, AlphaVantage, ClientError, Finnhub, Kraken, QuoteProvider, Replay, ReplayError,
    Simulated, TwelveData,
};

/// Timeout of a request to a provider.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// At least one provider, in failover order.
#[derive(Clone)]
pub struct Providers(Vec<Arc<dyn QuoteProvider>>);

/// Why a provider cannot be created from its settings.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// The settings of a live provider cannot be used.
    #[error("cannot use the provider {0}")]
    Live(&'static str, #[source] ClientError),
    /// The settings of the replay cannot be used.
    #[error("cannot use REPLAY_FILE and REPLAY_FROM")]
    Replay(#[source] ReplayError),
}

impl Providers {
    /// Creates the providers that `PROVIDER` lists.
    pub fn from_settings(settings: &Settings) -> Result<Self, ProvidersError> {
        let names = settings.tracking.providers.iter();
        names
            .map(|name| create(*name, settings))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Uses these providers, at least one.
    pub fn new(providers: Vec<Arc<dyn QuoteProvider>>) -> Self {
        Self(providers)
    }

    /// Their names in settings, metrics and stored prices.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|provider| provider.name()).collect()
    }

    pub(crate) fn as_slice(&self) -> &[Arc<dyn QuoteProvider>] {
        &self.0
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Providers").field(&self.names()).finish()
    }
}

fn create(
    name: ProviderName,
    settings: &Settings,
) -> Result<Arc<dyn QuoteProvider>, ProvidersError> {
    let (timeout, clock) = (REQUEST_TIMEOUT, SystemClock::shared);
    let provider = match name {
        ProviderName::AlphaVantage => {
            AlphaVantage::new(&settings.alpha_vantage, timeout).map(shared)
        }
        ProviderName::Finnhub => Finnhub::new(&settings.finnhub, timeout).map(shared),
        ProviderName::Alpaca => Alpaca::new(&settings.alpaca, timeout, clock()).map(shared),
        ProviderName::TwelveData => TwelveData::new(&settings.twelve_data, timeout).map(shared),
        ProviderName::Kraken => Kraken::new(&settings.kraken, timeout, clock()).map(shared),
        ProviderName::Replay => {
            let replay = Replay::new(&settings.replay).map(shared);
            return replay.map_err(ProvidersError::Replay);
        }
        ProviderName::Simulated => Ok(shared(Simulated::new(&settings.simulated, clock()))),
    };
    provider.map_err(|error| ProvidersError::Live(name.as_str(), error))
}

fn shared(provider: impl QuoteProvider + 'static) -> Arc<dyn QuoteProvider> {
    Arc::new(provider)
}
