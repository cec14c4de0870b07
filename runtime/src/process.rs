//! What both programs do alike: from settings to an exit code, and what every process has.
//!
//! One invariant: a refused or failed start says why in one line on standard error and leaves nothing running. `main`
//! calls [`main`], and what it runs starts a [`Process`].

use std::{fmt::Display, io, net::SocketAddr, process::ExitCode, time::Duration};

use crate::{
    config::{Program, Settings},
    console,
    health::Health,
    http::{
        listener::{BindError, Timeouts},
        metrics_server::MetricsServer,
    },
    lifecycle::{self, Lifecycle, Shutdown, ShutdownOutcome, Signals},
    random::Random,
    telemetry::{Telemetry, TelemetryError},
};

/// The timeout for closing connections to the database.
const CLOSE: Duration = Duration::from_secs(2);
/// How long the last traces may take, after everything else has ended.
const FLUSH: Duration = Duration::from_secs(2);

/// Runs a program to its exit code: `code` says that of a start that failed.
///
/// Signals are caught before anything else is done: a SIGTERM in the first moments of a start ends it as one later does.
pub fn main<R, E>(
    program: Program,
    run: impl FnOnce(Settings, Signals) -> R,
    code: impl FnOnce(&E) -> ExitCode,
) -> ExitCode
where
    R: Future<Output = Result<ShutdownOutcome, E>>,
    E: Display,
{
    let ended = lifecycle::block_on(async move {
        let signals = match Signals::catch() {
            Ok(signals) => signals,
            Err(error) => {
                console::err(format_args!("cannot catch signals: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let settings = match Settings::from_process(program) {
            Ok(settings) => settings,
            Err(code) => return code,
        };
        match run(settings, signals).await {
            Ok(ending) => ending.exit_code(),
            Err(error) => {
                console::err(format_args!("{error:#}"));
                code(&error)
            }
        }
    });
    ended.unwrap_or_else(|error| {
        console::err(error);
        ExitCode::FAILURE
    })
}

/// What every process has, running.
#[derive(Debug)]
pub struct Process {
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
    /// How it does; served with the metrics.
    pub health: Health,
    /// How it ends.
    pub shutdown: Shutdown,
    /// Jitter.
    pub random: Random,
    /// Where metrics are served.
    pub metrics_address: SocketAddr,
    lifecycle: Lifecycle,
}

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot log or trace.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Its metrics cannot be served.
    #[error(transparent)]
    Metrics(#[from] BindError),
    /// It does not know where its metrics are served.
    #[error("cannot tell where metrics are served")]
    Address(#[source] io::Error),
}

impl Process {
    /// Starts logging, listens for signals, and serves metrics and health.
    pub async fn start(settings: &Settings, signals: Signals) -> Result<Self, StartError> {
        let telemetry = Telemetry::start(settings)?;
        let random = Random::from_system();
        let lifecycle = Lifecycle::start(signals, settings.shutdown_grace, random.clone());
        let shutdown = lifecycle.shutdown().clone();
        let health = Health::new(&shutdown);
        let metrics = telemetry.metrics().clone();
        health.observe(&metrics.meter());
        let server = MetricsServer::bind(&settings.metrics, metrics, &health).await?;
        let metrics_address = server.address().map_err(StartError::Address)?;
        let timeouts = Timeouts::from_settings(settings);
        shutdown.spawn_companion("metrics", server.serve(timeouts));
        Ok(Self {
            telemetry,
            health,
            shutdown,
            random,
            metrics_address,
            lifecycle,
        })
    }

    /// Waits until the process is stopped, runs the shutdown, then `close`, and flushes telemetry.
    ///
    /// `close` closes the database. It is cut off after 2 s.
    pub async fn end(self, close: impl Future<Output = ()>) -> ShutdownOutcome {
        let ending = self.lifecycle.run().await;
        let _ = tokio::time::timeout(CLOSE, close).await;
        self.telemetry.flush(FLUSH).await;
        ending
    }
}
