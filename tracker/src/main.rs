//! The program `tracker`: polls providers into a PostgreSQL database that any number of `api` serve.
//!
//! One invariant: it ends with 0 after draining, 1 after a failure, 2 if the start was refused; a start that fails says
//! why in one line.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use runtime::{
    clock::SystemClock,
    config::{Program, Refusal, Settings},
    database::{Database, DatabaseError},
    health::Health,
    lifecycle::{self, Ending, Lifecycle, Shutdown},
    metric::TrackerMetrics,
    metrics_server::MetricsServer,
    random::Random,
    say,
    telemetry::Telemetry,
};
use store::{Store, feed::relay_notifications};
use tracker::{Roster, RosterError, Rules, Tracker, seed_of};

/// How long the last traces may take to be sent, after everything else has ended.
const FLUSH: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let settings = match Settings::from_process(Program::Tracker) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let ended = lifecycle::block_on(async move {
        match run(&settings).await {
            Ok(ending) => ending.code(),
            Err(error) => {
                say::err(format_args!("{error:#}"));
                code(&error)
            }
        }
    });
    ended.unwrap_or_else(|error| {
        say::err(error);
        ExitCode::FAILURE
    })
}

/// Builds everything, announces it and waits for the end.
async fn run(settings: &Settings) -> anyhow::Result<Ending> {
    let roster = Roster::from_settings(settings)?;
    let telemetry = Telemetry::start(settings)?;
    let random = Random::from_system();
    let lifecycle = Lifecycle::start(settings.shutdown_grace, random.clone())
        .context("cannot listen for signals")?;
    let shutdown = lifecycle.shutdown().clone();
    let health = Health::new(&shutdown);
    let metrics = telemetry.metrics().clone();
    let server = MetricsServer::bind(&settings.metrics, metrics.clone(), &health).await?;
    tracing::info!(address = ?server.address().ok(), "metrics and health");
    shutdown.spawn_companion("metrics", server.serve());
    let counted = TrackerMetrics::new(&metrics.meter(), &roster.names());
    let opened = shutdown
        .unless_stopped(open(settings, &health, &shutdown, &random))
        .await;
    if let Some(store) = opened.transpose()? {
        let rules = Rules::from_settings(&settings.tracking);
        Tracker::new(store, roster, rules, counted, random).start(&shutdown);
    }
    let ending = lifecycle.run().await;
    telemetry.flush(FLUSH).await;
    Ok(ending)
}

/// Waits for the database and brings it to the newest shape.
async fn open(
    settings: &Settings,
    health: &Health,
    shutdown: &Shutdown,
    random: &Random,
) -> anyhow::Result<Store> {
    let database = Database::connect(&settings.database, settings.program).await?;
    shutdown.spawn_companion("probe", {
        let probing = health.clone().probe(database.clone());
        async move { endless(probing).await }
    });
    if settings.database.migrate {
        database.migrate().await?;
    } else {
        database.migrated().await;
    }
    let store = Store::new(database, SystemClock::shared());
    let seed = seed_of(&settings.tracking, random);
    store::seed(&store, &seed)
        .await
        .context("cannot fill the empty database")?;
    health.migrated();
    shutdown.spawn_companion("notifications", endless(relay_notifications(store.clone())));
    Ok(store)
}

/// A task that has nothing to fail with.
async fn endless(task: impl Future<Output = ()>) -> Result<(), std::convert::Infallible> {
    task.await;
    Ok(())
}

/// What a failed start ends with: 2 if what was set cannot be used, else 1.
fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<DatabaseError>() {
        Some(error) => error.code(),
        None if error.is::<RosterError>() => Refusal::code(),
        None => ExitCode::FAILURE,
    }
}
