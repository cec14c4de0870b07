//! The program `tracker`: polls providers into a PostgreSQL database that any number of `api` serve.
//!
//! One invariant: it ends with 0 after draining, 1 after a failure, 2 if the start was refused; a start that fails says
//! why in one line.

use std::process::ExitCode;

use runtime::{
    clock::SystemClock,
    config::{ConfigError, Program, Settings},
    lifecycle::{ShutdownOutcome, Signals},
    process::{self, Process},
};
use store::OpenError;
use tracker::metrics::TrackerMetrics;
use tracker::{Roster, RosterError, Rules, Tracker, retention_of, seed_of};

fn main() -> ExitCode {
    process::main(Program::Tracker, run, code)
}

/// Builds everything, announces it and waits for the end.
async fn run(settings: Settings, signals: Signals) -> anyhow::Result<ShutdownOutcome> {
    let roster = Roster::from_settings(&settings)?;
    let process = Process::start(&settings, signals).await?;
    let Process {
        telemetry,
        health,
        shutdown,
        random,
        metrics_address,
        ..
    } = &process;
    tracing::info!("metrics    http://{metrics_address}/metrics");
    let counted = TrackerMetrics::new(&telemetry.metrics().meter(), &roster.names());
    let seed = seed_of(&settings.tracking, random);
    let opening = store::open(&settings, &seed, SystemClock::shared(), health, shutdown);
    let store = shutdown
        .unless_stopped(Box::pin(opening))
        .await
        .transpose()?;
    let database = store.as_ref().map(|store| store.database.clone());
    if let Some(store) = store {
        let rules = Rules::from_settings(&settings.tracking);
        let retention = retention_of(settings.retention);
        Tracker::new(store, roster, rules, retention, counted, random.clone()).start(shutdown);
    }
    let close = async {
        if let Some(database) = database {
            database.close().await;
        }
    };
    Ok(process.end(close).await)
}

/// What a failed start ends with: 2 if what was set cannot be used, else 1.
fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(error) => error.code(),
        None if error.is::<RosterError>() => ConfigError::exit_code(),
        None => ExitCode::FAILURE,
    }
}
