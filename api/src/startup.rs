//! Builds the program `api` from its settings and runs it.
//!
//! On SQLite the process includes the tracker; on PostgreSQL it only serves. Until the database is
//! open, the listener responds with 503.

use std::{convert::Infallible, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context;
use axum::Router;
use delivery::Sender;
use runtime::{
    clock::SystemClock,
    config::{ConfigError, PageSettings, Secret, Settings},
    http::listener::{self, Timeouts, bind},
    lifecycle::{Shutdown, ShutdownOutcome, Signals},
    process::Process,
    random::draw_token,
};
use store::{OpenError, Seed, Store, database::DatabaseKind, feed::FeedFollower};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracker::{PollSettings, Providers, ProvidersError, Tracker, metrics::TrackerMetrics};
use transport::{Documents, Guard};

use crate::{
    auth::AccessTokens,
    console::Console,
    live::{BacklogLimits, Hub, follow},
    metrics::ServeMetrics,
    quote_board::QuoteBoard,
    routes::{self, ApiServer, InvalidSetting},
    service::{BuildInfo, Service, WebhookSettings},
};

/// Timeout of a test message to a webhook.
const TEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Runs the program until it is shut down.
///
/// # Errors
///
/// The cause of a failed start. [`code`] converts it to an exit code.
pub async fn run(settings: Settings, signals: Signals) -> anyhow::Result<ShutdownOutcome> {
    let providers = Providers::from_settings(&settings)?;
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
    let console = Console::new(settings.access.pages);
    let starting = routes::starting(health, &guard, &console);
    listen_until(&opened, waiting, starting, timeouts, shutdown);
    let sender = Sender::new(&settings.delivery)?;
    let seed = Seed::new(&settings.tracking, random);
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
            let counted = TrackerMetrics::new(&meter, &providers.names());
            let poll_settings = PollSettings::from(&settings.tracking);
            Tracker::new(
                store.clone(),
                providers,
                poll_settings,
                settings.retention,
                counted,
                random.clone(),
            )
            .with_deliveries(sender.clone(), settings.delivery.clone())
            .start(shutdown);
        }
        let metrics = ServeMetrics::new(&meter);
        let server = (guard, documents, console, sender);
        let routes = serve(&settings, store, &process, metrics, server).await?;
        let listener = TcpListener::from_std(listener)?;
        listen(listener, routes, timeouts, shutdown);
        announce(addresses, settings.access.pages);
    }
    let close = async {
        if let Some(database) = database {
            database.close().await;
        }
    };
    Ok(process.end(close).await)
}

/// Returns the exit code of a failed start: 2 if a setting is invalid, else 1.
pub fn code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<OpenError>() {
        Some(error) => error.exit_code(),
        None if error.is::<ProvidersError>() || error.is::<InvalidSetting>() => {
            ConfigError::exit_code()
        }
        None => ExitCode::FAILURE,
    }
}

/// Loads the newest rows of stocks while the program serves. What fails is loaded on request.
async fn fill(board: QuoteBoard, store: Store) {
    if let Err(error) = board.fill(&store).await {
        tracing::debug!(error = error.as_dyn(), "failed to fill the quote board");
    }
}

/// Starts to follow the feed, and builds the routes.
async fn serve(
    settings: &Settings,
    store: Store,
    process: &Process,
    metrics: ServeMetrics,
    (guard, documents, console, sender): (Guard, Documents, Console, Sender),
) -> anyhow::Result<Router> {
    let (board, position) = QuoteBoard::load_within(&store, settings.limits.recent)
        .await
        .context("cannot read the feed")?;
    let follower = FeedFollower::after(store.clone(), position);
    let hub = Hub::new(position, backlog_limits(settings));
    let (clock, counted) = (store.clock.clone(), metrics.clone());
    let following = follow(follower, board.clone(), hub.clone(), clock, counted);
    let filling = fill(board.clone(), store.clone());
    process.shutdown.spawn_background("follower", async move {
        tokio::join!(following, filling);
        Ok::<_, Infallible>(())
    });
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        revision: option_env!("GIT_REVISION"),
        started_at: store.clock.now(),
    };
    let hours = PollSettings::from(&settings.tracking).hours;
    let health = process.health.clone();
    let webhooks = WebhookSettings {
        sender,
        delivery: settings.delivery.clone(),
        // A result is better than an operation that took too long.
        test_timeout: TEST_TIMEOUT.min(settings.limits.execution_time.mul_f64(0.9)),
    };
    let service = Service::new(store, board, hub, health, hours, build)
        .with_rule_limit(settings.limits.rules)
        .with_webhooks(webhooks);
    let server = ApiServer {
        service,
        tokens: access_tokens(settings),
        guard,
        console,
        settings: settings.access.clone(),
        limits: routes::limits(settings),
        documents,
        health: process.health.clone(),
        metrics,
        shutdown: process.shutdown.clone(),
    };
    Ok(server.router())
}

/// Serves `router` on `listener` until `opened`, when the actual routes are served on the same
/// port.
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
            tracing::warn!(%error, "startup listener failed");
        }
    });
}

/// Serves `router` until the shutdown begins, then finishes the requests in flight.
fn listen(listener: TcpListener, router: Router, timeouts: Timeouts, shutdown: &Shutdown) {
    let soft = shutdown.soft().clone();
    let serving = listener::serve(listener, router, timeouts, routes::refusal, soft);
    shutdown.spawn("listener", serving);
}

/// The limits of the hub and its readers.
fn backlog_limits(settings: &Settings) -> BacklogLimits {
    let limits = &settings.limits;
    BacklogLimits {
        max_events: limits.backlog as usize,
        max_bytes: limits.backlog_bytes,
        ..BacklogLimits::default()
    }
}

/// Returns the access tokens. An admin token that is not set is generated and logged once.
fn access_tokens(settings: &Settings) -> AccessTokens {
    let set = settings.access.admin_token.clone();
    let admin = set.unwrap_or_else(|| {
        let generated: Secret = draw_token();
        tracing::info!(
            admin_token = generated.expose(),
            "ADMIN_TOKEN is not set; generated one for this run"
        );
        generated
    });
    AccessTokens::new(admin, settings.access.read_token.clone())
}

fn announce((api, metrics): (SocketAddr, SocketAddr), pages: PageSettings) {
    if pages.console {
        tracing::info!("console    http://{api}/");
    }
    if pages.graphiql {
        tracing::info!("GraphiQL   http://{api}/graphiql");
    }
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
    fn the_backlog_limits_come_from_the_settings() {
        let by_default = backlog_limits(&settings(Program::Api, &[]));
        assert_eq!(by_default, BacklogLimits::default());
        let variables = [("LIMIT_BACKLOG", "7"), ("LIMIT_BACKLOG_BYTES", "9KiB")];
        let set = backlog_limits(&settings(Program::Api, &variables));
        assert_eq!((set.max_events, set.max_bytes), (7, 9 << 10));
    }
}
