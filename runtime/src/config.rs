//! The settings of both programs.
//!
//! One invariant: settings are read once, all at once and without side effects; either everything is valid or the
//! start is refused with every fault named, and no secret is ever shown. [`VARIABLES`] is the one table from which
//! the flags, `--help`, the defaults and `.env.example` follow. Each `main` calls [`Settings::from_process`].

mod access;
mod database;
mod error;
mod feed;
mod flag;
mod generated;
mod limit;
mod listen;
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

pub use access::{AccessSettings, Allowed};
pub use database::{DatabaseSettings, DatabaseUrl, PostgresUrl, SqliteUrl, Synchronous};
pub use error::{Fault, Refusal};
pub use feed::{FeedSettings, StreamUrl};
pub use generated::{env_example, with_fresh_settings};
pub use limit::LimitSettings;
pub use listen::ListenSettings;
pub use log::{LogFormat, LogSettings};
pub use provider::{AlphaVantageSettings, ProviderName, ReplaySettings, ReplaySpeed};
pub use secret::Secret;
pub use tracking::{MarketHours, RetentionSettings, TrackingSettings};
pub use variable::{Fallback, VARIABLES, Variable};

use raw::Given;
use reader::Reader;

/// Which program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Serves clients; tracks too when it runs on SQLite.
    Api,
    /// Polls, stores and fires alerts.
    Tracker,
}

impl Program {
    /// The binary's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Tracker => "tracker",
        }
    }

    /// What the program does, in one line.
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

/// Everything that can be set, valid.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose settings these are.
    pub program: Program,
    /// Where prices are kept.
    pub database: DatabaseSettings,
    /// How the feed reaches those who follow it.
    pub feed: FeedSettings,
    /// Where GraphQL, REST and sockets are served.
    pub api: ListenSettings,
    /// Where metrics and health are served.
    pub metrics: ListenSettings,
    /// Who may do what, from where.
    pub access: AccessSettings,
    /// How much a client may ask.
    pub limits: LimitSettings,
    /// What is polled, when, and what fires.
    pub tracking: TrackingSettings,
    /// Alpha Vantage's plan.
    pub alpha_vantage: AlphaVantageSettings,
    /// How long what is kept.
    pub retention: RetentionSettings,
    /// How recorded prices are replayed.
    pub replay: ReplaySettings,
    /// Bounds a stop.
    pub shutdown_grace: Duration,
    /// What is logged, and how it looks.
    pub log: LogSettings,
    /// Where traces go, if anywhere: the collector's base URL, without `/v1/traces`.
    pub trace_endpoint: Option<Url>,
}

/// What the command line and the environment ask for.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// Run with these settings.
    Run(Box<Settings>),
    /// Print this (help, or the version) and end with success.
    Print(String),
}

impl Settings {
    /// Reads flags (without the program's name), the environment and the file at `dotenv`, in this order of
    /// precedence. A missing file is no fault.
    ///
    /// # Errors
    ///
    /// Every fault at once.
    pub fn load(
        program: Program,
        args: impl IntoIterator<Item = OsString>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
        dotenv: &Path,
    ) -> Result<Loaded, Refusal> {
        let flags = match flag::parse(program, args)? {
            flag::Parsed::Flags(flags) => flags,
            flag::Parsed::Print(text) => return Ok(Loaded::Print(text)),
        };
        let mut faults = Vec::new();
        let given = Given::collect(flags, env, dotenv, &mut faults);
        let mut reader = Reader::new(program, &given, faults);
        let settings = Self::read(&mut reader);
        reader.finish(settings).map(|it| Loaded::Run(Box::new(it)))
    }

    /// Reads this process' flags, environment and `.env`. What there is to say (help, faults) is said.
    ///
    /// # Errors
    ///
    /// The exit code to end with at once: 0 after help, 2 after a refusal.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
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
            Err(refusal) => {
                crate::console::err(&refusal);
                Err(Refusal::code())
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Self {
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
            retention: RetentionSettings::read(reader),
            replay: ReplaySettings::read(reader),
            shutdown_grace: reader.value("SHUTDOWN_GRACE", value::positive_duration),
            log: LogSettings::read(reader),
            trace_endpoint: reader.optional("OTEL_EXPORTER_OTLP_ENDPOINT", value::http_url),
        }
    }
}

#[cfg(test)]
mod tests;
