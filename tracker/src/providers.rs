//! The providers that the settings name.
//!
//! One invariant: making a roster asks nobody and writes nothing, so that a start can still be refused without a trace.
//! Each `main` makes it before it opens the database, and hands it to the [`Tracker`](crate::Tracker).

use std::{fmt, sync::Arc, time::Duration};

use runtime::config::{ProviderName, Secret, Settings};

use crate::provider::{
    AlphaVantage, AlphaVantageError, AlphaVantageSettings, QuoteProvider, Replay, ReplayError,
    ReplaySettings,
};

/// How long a provider may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Providers in the order in which they are asked; never empty.
#[derive(Clone)]
pub struct Roster(Vec<Arc<dyn QuoteProvider>>);

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// See the source.
    #[error("cannot ask Alpha Vantage as ALPHA_VANTAGE_URL says")]
    AlphaVantage(#[source] AlphaVantageError),
    /// See the source.
    #[error("cannot replay what REPLAY_FILE and REPLAY_FROM say")]
    Replay(#[source] ReplayError),
}

impl Roster {
    /// The providers of `PROVIDER`, ready to be asked.
    pub fn from_settings(settings: &Settings) -> Result<Self, RosterError> {
        let named = settings.tracking.providers.iter();
        named
            .map(|name| provider(*name, settings))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// These providers.
    pub fn of(providers: Vec<Arc<dyn QuoteProvider>>) -> Self {
        Self(providers)
    }

    /// Their names, as settings, metrics and stored prices have them.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|provider| provider.name()).collect()
    }

    pub(crate) fn providers(&self) -> &[Arc<dyn QuoteProvider>] {
        &self.0
    }
}

impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Roster").field(&self.names()).finish()
    }
}

fn provider(
    name: ProviderName,
    settings: &Settings,
) -> Result<Arc<dyn QuoteProvider>, RosterError> {
    Ok(match name {
        ProviderName::AlphaVantage => {
            let plan = &settings.alpha_vantage;
            let alpha_vantage = AlphaVantage::new(AlphaVantageSettings {
                base_url: plan.url.clone(),
                // Settings refuse the provider without its key.
                key: plan.api_key.clone().unwrap_or_else(|| Secret::new("")),
                per_minute: plan.per_minute.get(),
                per_day: plan.per_day.get(),
                timeout: TIMEOUT,
            });
            Arc::new(alpha_vantage.map_err(RosterError::AlphaVantage)?)
        }
        ProviderName::Replay => {
            let pause = settings.replay.speed.pause();
            let replay = Replay::new(&ReplaySettings {
                file: settings.replay.file.clone(),
                from: settings.replay.from,
                every: (!pause.is_zero()).then_some(pause),
                repeat: settings.replay.repeat,
            });
            Arc::new(replay.map_err(RosterError::Replay)?)
        }
    })
}
