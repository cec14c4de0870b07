//! Builds the program and runs it to its end.
//!
//! One invariant: on SQLite one process is the whole product, tracker included; on PostgreSQL this only serves. A start
//! that fails says why in one line and leaves nothing running.

use std::{convert::Infallible, net::SocketAddr, process::ExitCode};

use crate::metrics::ServeMetrics;
use anyhow::Context;
use axum::Router;
use runtime::{
    clock::SystemClock,
    config::{ConfigError, Secret, Settings},
    http::listener::{self, Timeouts, bind},
    lifecycle::{Shutdown, ShutdownOutcome, Signals},
    process::Process,
    random::draw_token,
};
use store::{OpenError, Store, database::DatabaseKind, feed::FeedFollower};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracker::metrics::TrackerMetrics;
use tracker::{Roster, RosterError, Rules, Tracker, retention_of, seed_of};
use transport::{Documents, Guard};

use crate::{
    auth::Access,
    live::{Bounds, Hub, follow},
    quote_board::Board,
    routes::{self, Server, ServerError},
    service::{Build, Service},
};

/// Builds everything, announces it and waits for the end.
pub async fn run(settings: Settings, signals: Signals) -> anyhow::Result<ShutdownOutcome> {
    let roster = Roster::from_settings(&settings)?;
    let guard = routes::guard(&settings.access)?;
    let documents = routes::documents(&settings)?;
    let process = Process::start(&settings, signals).await?;
    let Process {
        telemetry,
        health,
        shutdown,
        random,
        metrics_address,
        ..
    } = &process;
    let listener = bind(&settings.api).await?;
    let addresses = (listener.local_addr()?, *metrics_address);
    let listener = listener.into_std()?;
    let opened = CancellationToken::new();
    let waiting = TcpListener::from_std(listener.try_clone()?)?;
    let timeouts = Timeouts::from_settings(&settings);
    let starting = routes::starting(health, &guard);
    listen_until(&opened, waiting, starting, timeouts, shutdown);
    let seed = seed_of(&settings.tracking, random);
    let opening = store::open(&settings, &seed, SystemClock::shared(), health, shutdown);
    let store = shutdown
        .unless_stopped(Box::pin(opening))
        .await
        .transpose()?;
    opened.cancel();
    let database = store.as_ref().map(|store| store.database.clone());
    if let Some(store) = store {
        let meter = telemetry.metrics().meter();
        if store.database.kind() == DatabaseKind::Sqlite {
            let counted = TrackerMetrics::new(&meter, &roster.names());
            let rules = Rules::from_settings(&settings.tracking);
            let retention = retention_of(settings.retention);
            Tracker::new(
                store.clone(),
                roster,
                rules,
                retention,
                counted,
                random.clone(),
            )
            .start(shutdown);
        }
        let metrics = ServeMetrics::new(&meter);
        let routes = serve(&settings, store, &process, metrics, (guard, documents)).await?;
        let listener = TcpListener::from_std(listener)?;
        listen(listener, routes, timeouts, shutdown);
        announce(addresses);
    }
    let close = async {
        if let Some(database) = database {
            database.close().await;
        }
    };
    Ok(process.end(close).await)
}

/// What a failed start ends with: 2 if what was set cannot be used, else 1.
pub fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(error) => error.code(),
        None if error.is::<RosterError>() || error.is::<ServerError>() => ConfigError::exit_code(),
        None => ExitCode::FAILURE,
    }
}

/// The routes over a store that is followed from now on.
async fn serve(
    settings: &Settings,
    store: Store,
    process: &Process,
    metrics: ServeMetrics,
    (guard, documents): (Guard, Documents),
) -> anyhow::Result<Router> {
    let (board, position) = Board::read(&store).await.context("cannot read the feed")?;
    let follower = FeedFollower::after(store.clone(), position);
    let hub = Hub::at(position, bounds(settings));
    let (clock, counted) = (store.clock.clone(), metrics.clone());
    let following = follow(follower, board.clone(), hub.clone(), clock, counted);
    process.shutdown.spawn_companion("follower", async move {
        following.await;
        Ok::<_, Infallible>(())
    });
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        revision: option_env!("GIT_REVISION"),
        started_at: store.clock.now(),
    };
    let hours = Rules::from_settings(&settings.tracking).hours;
    let health = process.health.clone();
    let service = Service::new(store, board, hub, health, hours, build);
    let server = Server {
        service,
        access: access(settings),
        guard,
        settings: settings.access.clone(),
        limits: routes::limits(settings),
        documents,
        health: process.health.clone(),
        metrics,
        shutdown: process.shutdown.clone(),
    };
    Ok(server.router())
}

/// Tells on `listener` that the server is starting until `opened`, when another goes on where this one stops.
fn listen_until(
    opened: &CancellationToken,
    listener: TcpListener,
    router: Router,
    timeouts: Timeouts,
    shutdown: &Shutdown,
) {
    let stop = opened.clone();
    shutdown.track(async move {
        if let Err(error) = listener::serve(listener, router, timeouts, routes::refusal, stop).await
        {
            tracing::warn!(%error, "nobody is told that the server is starting");
        }
    });
}

/// Accepts connections until polling stops, and finishes the requests that are under way then.
fn listen(listener: TcpListener, router: Router, timeouts: Timeouts, shutdown: &Shutdown) {
    let soft = shutdown.soft().clone();
    let serving = listener::serve(listener, router, timeouts, routes::refusal, soft);
    shutdown.spawn("listener", serving);
}

/// How far those who follow may be behind.
fn bounds(settings: &Settings) -> Bounds {
    let limits = &settings.limits;
    Bounds {
        behind: limits.backlog as usize,
        bytes: limits.backlog_bytes,
        ..Bounds::default()
    }
}

/// The tokens. One that nobody set is drawn, and told in this one line.
fn access(settings: &Settings) -> Access {
    let set = settings.access.admin_token.clone();
    let admin = set.unwrap_or_else(|| {
        let drawn: Secret = draw_token();
        tracing::info!(
            admin_token = drawn.expose(),
            "drawn for this start, as ADMIN_TOKEN is not set"
        );
        drawn
    });
    Access::new(admin, settings.access.read_token.clone())
}

fn announce((api, metrics): (SocketAddr, SocketAddr)) {
    tracing::info!("GraphiQL   http://{api}/graphiql");
    tracing::info!("GraphQL    http://{api}/graphql");
    tracing::info!("REST       http://{api}/api/v1/stocks");
    tracing::info!("WebSocket  ws://{api}/ws");
    tracing::info!("metrics    http://{metrics}/metrics");
}

#[cfg(test)]
mod tests {
    use runtime::config::Program;
    use testkit::settings;

    use super::*;

    #[test]
    fn followers_may_be_as_far_behind_as_is_set() {
        let by_default = bounds(&settings(Program::Api, &[]));
        assert_eq!(by_default, Bounds::default());
        let variables = [("LIMIT_BACKLOG", "7"), ("LIMIT_BACKLOG_BYTES", "9KiB")];
        let set = bounds(&settings(Program::Api, &variables));
        assert_eq!((set.behind, set.bytes), (7, 9 << 10));
    }
}
