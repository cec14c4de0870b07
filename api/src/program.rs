//! Builds the program and runs it to its end.
//!
//! One invariant: on SQLite one process is the whole product, tracker included; on PostgreSQL this only serves. A start
//! that fails says why in one line and leaves nothing running.

use std::{convert::Infallible, net::SocketAddr};

use anyhow::Context;
use axum::Router;
use runtime::{
    clock::SystemClock,
    config::{Secret, Settings},
    database::DatabaseKind,
    health::Health,
    lifecycle::{Ending, Lifecycle, Shutdown},
    metric::{ServeMetrics, TrackerMetrics},
    metrics_server::{MetricsServer, bind},
    random::{Random, draw_token},
    telemetry::Telemetry,
};
use store::{Store, feed::FeedFollower};
use tokio::net::TcpListener;
use tracker::{Roster, Rules, Tracker, seed_of};

use crate::{
    access::Access,
    hub::{Hub, follow},
    server::Server,
    service::{Build, Service},
};

/// Builds everything, announces it and waits for the end.
pub async fn run(settings: &Settings) -> anyhow::Result<Ending> {
    let roster = Roster::from_settings(settings)?;
    let telemetry = Telemetry::start(settings)?;
    let random = Random::from_system();
    let lifecycle = Lifecycle::start(settings.shutdown_grace, random.clone())
        .context("cannot listen for signals")?;
    let shutdown = lifecycle.shutdown().clone();
    let health = Health::new(&shutdown);
    let listener = bind(&settings.api).await?;
    let metrics =
        MetricsServer::bind(&settings.metrics, telemetry.metrics().clone(), &health).await?;
    let addresses = (listener.local_addr()?, metrics.address()?);
    shutdown.spawn_companion("metrics", metrics.serve());
    let seed = seed_of(&settings.tracking, &random);
    let opening = store::open(settings, &seed, SystemClock::shared(), &health, &shutdown);
    if let Some(store) = shutdown.unless_stopped(opening).await.transpose()? {
        let counted = TrackerMetrics::new(&telemetry.metrics().meter(), &roster.names());
        let rules = Rules::from_settings(&settings.tracking);
        if store.database.kind() == DatabaseKind::Sqlite {
            Tracker::new(store.clone(), roster, rules, counted, random).start(&shutdown);
        }
        let serving = ServeMetrics::new(&telemetry.metrics().meter());
        let access = access(settings);
        let routes = serve(settings, store, access, &health, serving, &shutdown).await?;
        listen(listener, routes, &shutdown);
        announce(addresses);
    }
    let ending = lifecycle.run().await;
    telemetry.flush(settings.shutdown_grace).await;
    Ok(ending)
}

/// The routes over a store that is followed from now on.
async fn serve(
    settings: &Settings,
    store: Store,
    access: Access,
    health: &Health,
    metrics: ServeMetrics,
    shutdown: &Shutdown,
) -> anyhow::Result<Router> {
    let follower = FeedFollower::from_end(store.clone())
        .await
        .context("cannot read the feed")?;
    let hub = Hub::at(follower.position());
    let following = follow(follower, hub.clone(), store.clock.clone(), metrics.clone());
    shutdown.spawn_companion("follower", async move {
        following.await;
        Ok::<_, Infallible>(())
    });
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        revision: option_env!("GIT_REVISION"),
        started_at: store.clock.now(),
    };
    let market = Rules::from_settings(&settings.tracking).market;
    let service = Service::new(store, hub, market, build);
    let server = Server {
        service,
        access,
        settings: settings.access.clone(),
        health: health.clone(),
        metrics,
        shutdown: shutdown.clone(),
    };
    Ok(server.router()?)
}

/// Accepts connections until polling stops, and finishes the requests that are under way then.
fn listen(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    let soft = shutdown.soft().clone();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    shutdown.spawn("listener", async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(soft.cancelled_owned())
            .await
    });
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
