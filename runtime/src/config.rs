//! The settings of both programs, from flags, the environment and the file `.env`.
//!
//! All settings are read and validated once at startup, and all violations are reported together.
//! [`VARIABLES`] lists every setting with its default and description.

mod access;
mod database;
mod delivery;
mod error;
mod feed;
mod flag;
mod generated;
mod limit;
mod listen;
mod live_provider;
mod log;
mod provider;
mod raw;
mod reader;
mod secret;
mod tracking;
mod value;
mod variable;

use std::{ffi::OsString, fmt, path::Path, process::ExitCode, time::Duration};

use url::Url;

pub use access::{AccessSettings, Allowed, PageSettings};
pub use database::{DatabaseSettings, DatabaseUrl, PostgresUrl, SqliteUrl, Synchronous};
pub use delivery::{DeliverySettings, SmtpSettings};
pub use error::{ConfigError, Violation};
pub use feed::{FeedSettings, StreamUrl};
pub use generated::{env_example, with_fresh_settings};
pub use limit::LimitSettings;
pub use listen::ListenSettings;
pub use live_provider::{
    AlpacaSettings, AlphaVantageSettings, FinnhubSettings, KrakenSettings, TwelveDataSettings,
};
pub use log::{LogFormat, LogSettings};
pub use provider::{ProviderName, ReplaySettings, ReplaySpeed, SimulatedSettings};
pub use secret::Secret;
pub use tracking::{MarketHours, RetentionSettings, SearchSettings, TrackingSettings};
pub use variable::{DefaultValue, VARIABLES, Variable};

use raw::RawSettings;
use reader::SettingsReader;

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Serves clients. On SQLite it also polls.
    Api,
    /// Polls, stores and fires alerts.
    Tracker,
}

impl Program {
    /// The name of the executable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tracker => "tracker",
        }
    }

    /// A one-line description for `--help`.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Api => "Serves stocks, prices and alerts over GraphQL, REST and WebSocket.",
            Self::Tracker => "Polls market-data providers, stores exact prices and fires alerts.",
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All settings, validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program that these settings are for.
    pub program: Program,
    /// The database.
    pub database: DatabaseSettings,
    /// How the feed is distributed.
    pub feed: FeedSettings,
    /// The address for GraphQL, REST and WebSocket.
    pub api: ListenSettings,
    /// The address for metrics and health.
    pub metrics: ListenSettings,
    /// Tokens, accepted hosts and origins, and the rate limit.
    pub access: AccessSettings,
    /// Limits of requests, connections and subscriptions.
    pub limits: LimitSettings,
    /// Polling and alerts.
    pub tracking: TrackingSettings,
    /// The API key and base URL of Alpha Vantage, and the quota of its plan.
    pub alpha_vantage: AlphaVantageSettings,
    /// The API key and URLs of Finnhub, and the limits of its plan.
    pub finnhub: FinnhubSettings,
    /// The API keys and URLs of Alpaca, and the limits of its plan.
    pub alpaca: AlpacaSettings,
    /// The API key and base URL of Twelve Data, and the quota of its plan.
    pub twelve_data: TwelveDataSettings,
    /// The URLs of Kraken, and the limit of its public API.
    pub kraken: KrakenSettings,
    /// How alerts are sent to webhooks.
    pub delivery: DeliverySettings,
    /// How long prices, the feed and deliveries are kept.
    pub retention: RetentionSettings,
    /// The replay of recorded prices.
    pub replay: ReplaySettings,
    /// The simulated prices.
    pub simulated: SimulatedSettings,
    /// Timeout of a graceful shutdown.
    pub shutdown_grace: Duration,
    /// The log.
    pub log: LogSettings,
    /// Base URL of the OTLP collector that receives traces, without `/v1/traces`; `None` for no
    /// traces.
    pub trace_endpoint: Option<Url>,
}

/// The result of loading the settings.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Run with these settings.
    Run(Box<Settings>),
    /// Print this text (help or the version) and exit with success.
    Print(String),
}

impl Settings {
    /// Loads the settings from flags (without the name of the program), the environment and the
    /// file at `dotenv`, in this order of precedence. The file may be missing.
    ///
    /// # Errors
    ///
    /// All violations at once.
    pub fn load(
        program: Program,
        args: impl IntoIterator<Item = OsString>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: &Path,
    ) -> Result<Loaded, ConfigError> {
        let flags = match flag::parse(program, args)? {
            flag::Parsed::Flags(flags) => flags,
            flag::Parsed::Print(text) => return Ok(Loaded::Print(text)),
        };
        let mut violations = Vec::new();
        let raw = RawSettings::collect(flags, env, dotenv, &mut violations);
        let mut reader = SettingsReader::new(program, &raw, violations);
        let settings = Self::read(&mut reader);
        reader
            .finish(settings)
            .map(|settings| Loaded::Run(Box::new(settings)))
    }

    /// Loads the settings from the flags and environment of this process and from `.env`. Prints
    /// the help text or the violations.
    ///
    /// # Errors
    ///
    /// The code to exit with: 0 after help, 2 after violations.
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that reads the environment"
    )]
    pub fn from_process(program: Program) -> Result<Self, ExitCode> {
        let loaded = Self::load(
            program,
            std::env::args_os().skip(1),
            std::env::vars_os(),
            Path::new(".env"),
        );
        match loaded {
            Ok(Loaded::Run(settings)) => Ok(*settings),
            Ok(Loaded::Print(text)) => {
                crate::console::out(text.trim_end());
                Err(ExitCode::SUCCESS)
            }
            Err(error) => {
                crate::console::err(&error);
                Err(ConfigError::exit_code())
            }
        }
    }

    fn read(reader: &mut SettingsReader<'_>) -> Self {
        let api = ListenSettings::read(reader, "API_HOST", "API_PORT");
        let limits = LimitSettings::read(reader);
        let database = DatabaseSettings::read(reader, &limits);
        Self {
            program: reader.program(),
            feed: FeedSettings::read(reader, &database.url),
            database,
            metrics: ListenSettings::read(reader, "METRICS_HOST", "METRICS_PORT"),
            access: AccessSettings::read(reader, &api),
            api,
            limits,
            tracking: TrackingSettings::read(reader),
            alpha_vantage: AlphaVantageSettings::read(reader),
            finnhub: FinnhubSettings::read(reader),
            alpaca: AlpacaSettings::read(reader),
            twelve_data: TwelveDataSettings::read(reader),
            kraken: KrakenSettings::read(reader),
            delivery: DeliverySettings::read(reader),
            retention: RetentionSettings::read(reader),
            replay: ReplaySettings::read(reader),
            simulated: SimulatedSettings::read(reader),
            shutdown_grace: reader.value("SHUTDOWN_GRACE", value::positive_duration),
            log: LogSettings::read(reader),
            trace_endpoint: reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT", value::http_url),
        }
    }
}

#[cfg(test)]
mod tests;
