//! The program `tracker`: polls providers into a PostgreSQL database.
//!
//! Exit codes: 0 after a graceful shutdown, 1 after a failure, 2 if the settings cannot be used. A
//! failed start prints its reason on one line.

use std::process::ExitCode;

use delivery::Sender;
use runtime::{
    clock::SystemClock,
    config::{ConfigError, Program, Settings},
    lifecycle::{ShutdownOutcome, Signals},
    process::{self, Process},
};
use store::{OpenError, Seed};
use tracker::{PollSettings, Providers, ProvidersError, Tracker, metrics::TrackerMetrics};

fn main() -> ExitCode {
    process::main(Program::Tracker, run, exit_code)
}

/// Starts the tracker and waits for the shutdown.
async fn run(settings: Settings, signals: Signals) -> anyhow::Result<ShutdownOutcome> {
    let providers = Providers::from_settings(&settings)?;
    let process = Process::start(&settings, signals).await?;
    let sender = Sender::new(&settings.delivery)?;
    let Process {
        telemetry,
        health,
        shutdown,
        random,
        metrics_address,
        ..
    } = &process;
    tracing::info!("metrics    http://{metrics_address}/metrics");
    let metrics = TrackerMetrics::new(&telemetry.metrics().meter(), &providers.names());
    let seed = Seed::new(&settings.tracking, random);
    let opening = store::open(&settings, &seed, SystemClock::shared(), health, shutdown);
    let store = shutdown
        .unless_stopped(Box::pin(opening))
        .await
        .transpose()?;
    let database = store.as_ref().map(|store| store.database.clone());
    if let Some(store) = store {
        let poll_settings = PollSettings::from(&settings.tracking);
        Tracker::new(
            store,
            providers,
            poll_settings,
            settings.retention,
            metrics,
            random.clone(),
        )
        .with_deliveries(sender, settings.delivery.clone())
        .start(shutdown);
    }
    let close = async {
        if let Some(database) = database {
            database.close().await;
        }
    };
    Ok(process.end(close).await)
}

/// Returns the exit code of a failed start.
fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(error) => error.exit_code(),
        None if error.is::<ProvidersError>() => ConfigError::exit_code(),
        None => ExitCode::FAILURE,
    }
}
