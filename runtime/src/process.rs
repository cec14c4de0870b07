//! Startup and shutdown of a program, from settings to the exit code.
//!
//! A failed start prints its cause in one line on standard error.

use std::{fmt::Display, io, net::SocketAddr, process::ExitCode, time::Duration};

use mimalloc::MiMalloc;

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

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The timeout for closing connections to the database.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The timeout for sending the last traces.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs a program and returns its exit code. `code` returns the exit code of an error of `run`.
///
/// Signals are caught first, so that a SIGTERM during startup also shuts the program down.
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

/// The parts that both programs have: telemetry, health, lifecycle and metrics server.
#[derive(Debug)]
pub struct Process {
    /// Logs, traces and metrics.
    pub telemetry: Telemetry,
    /// The health, served with the metrics.
    pub health: Health,
    /// Begins the shutdown, and spawns tasks that take part in it.
    pub shutdown: Shutdown,
    /// Random numbers, for jitter.
    pub random: Random,
    /// The address of the metrics server.
    pub metrics_address: SocketAddr,
    lifecycle: Lifecycle,
}

/// The error of starting a process.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Logging or tracing cannot start.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The metrics server cannot listen.
    #[error(transparent)]
    Metrics(#[from] BindError),
    /// The address of the metrics server cannot be read.
    #[error("cannot read the address of the metrics server")]
    Address(#[source] io::Error),
}

impl Process {
    /// Starts telemetry, the lifecycle and the metrics server.
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
        shutdown.spawn_background("metrics", server.serve(timeouts));
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
    /// `close` closes the database. It is cancelled after 2 s.
    pub async fn end(self, close: impl Future<Output = ()>) -> ShutdownOutcome {
        let ending = self.lifecycle.run().await;
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
        self.telemetry.flush(FLUSH_TIMEOUT).await;
        ending
    }
}
