//! All routes of the API listener, with their middleware.
//!
//! Every route is behind the guard (host and origin checks). The GraphQL transport has its own,
//! with the same settings.

use std::{borrow::Cow, io, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use runtime::{
    config::{AccessSettings, Allowed, Settings},
    health::Health,
    http::listener,
    lifecycle::Shutdown,
};
use tower::util::MapRequestLayer;
use transport::{
    AllowList, ConnectionLimiter, Documents, Drain, Guard, Limits, PushServer, RequestError,
    Transport, Writers, code,
};

use crate::{
    auth::{self, AccessTokens, RateLimit, TrustedProxies},
    console::{self, Console},
    graphql::{Executor, SchemaOptions, schema, types},
    limits,
    metrics::{ServeMetrics, measure_request},
    problem::Problem,
    rest::{self, HEALTH, LIVEZ, READYZ},
    service::Service,
    ws,
};

/// The GraphQL endpoint.
const GRAPHQL: &str = "/graphql";
/// The error message of all requests until the database is open.
const STARTING: &str = "the server is starting: waiting for the database";
/// The media type of a GraphQL response.
const GRAPHQL_MEDIA_TYPE: &str = "application/graphql-response+json; charset=utf-8";
/// Paths without a rate limit.
const UNLIMITED: [&str; 3] = [LIVEZ, READYZ, HEALTH];

/// The parts of the API server.
pub(crate) struct ApiServer {
    /// The service.
    pub(crate) service: Service,
    /// The tokens that are accepted.
    pub(crate) tokens: AccessTokens,
    /// Host and origin checks.
    pub(crate) guard: Guard,
    /// The console and GraphiQL.
    pub(crate) console: Console,
    /// Access settings: introspection, rate limit, trusted proxies.
    pub(crate) settings: AccessSettings,
    /// Limits of the transports.
    pub(crate) limits: Limits,
    /// Persisted or trusted documents.
    pub(crate) documents: Documents,
    /// The health check.
    pub(crate) health: Health,
    /// The metrics.
    pub(crate) metrics: ServeMetrics,
    /// The shutdown signals.
    pub(crate) shutdown: Shutdown,
}

/// A setting that the routes cannot use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSetting {
    /// An allow-list has an invalid entry.
    #[error("{variable} {reason}")]
    AllowList {
        /// The name of the setting.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The trusted documents cannot be read.
    #[error("cannot read the documents of TRUSTED_DOCUMENTS")]
    Documents(#[source] io::Error),
}

/// Builds the guard from the settings.
pub(crate) fn guard(settings: &AccessSettings) -> Result<Guard, InvalidSetting> {
    let hosts = allow_list("ALLOWED_HOSTS", &settings.allowed_hosts)?;
    let origins = allow_list("ALLOWED_ORIGINS", &settings.allowed_origins)?;
    Ok(Guard::new(hosts, origins).with_pages(console::pages()))
}

/// Builds the persisted or trusted documents from the settings.
pub(crate) fn documents(settings: &Settings) -> Result<Documents, InvalidSetting> {
    match &settings.access.trusted_documents {
        Some(folder) => Documents::trusted(folder).map_err(InvalidSetting::Documents),
        None => Ok(limits::persisted(&settings.limits)),
    }
}

/// Builds the limits from the settings.
pub(crate) fn limits(settings: &Settings) -> Limits {
    limits::limits(&settings.limits, settings.shutdown_grace)
}

/// The routes until the database is open: `/livez` succeeds, pages are served, and everything else
/// is 503.
pub(crate) fn starting(health: &Health, guard: &Guard, console: &Console) -> Router {
    let starting =
        async || Problem::new(StatusCode::SERVICE_UNAVAILABLE, STARTING).with_retry_after(Some(1));
    let router = health
        .router()
        .route(HEALTH, get(rest::starting))
        .route(GRAPHQL, any(async || graphql_starting()))
        .merge(console.router())
        .fallback(starting);
    protected(router, guard)
}

/// The 503 of GraphQL, as a GraphQL error, which its clients read at any status.
fn graphql_starting() -> Response {
    let error = RequestError::unavailable(STARTING, 1);
    let headers = [
        (header::RETRY_AFTER, "1"),
        (header::CONTENT_TYPE, GRAPHQL_MEDIA_TYPE),
    ];
    (error.status, headers, error.body()).into_response()
}

/// Returns media type and body of the response to a request that the listener rejected as
/// malformed.
pub(crate) fn refusal(status: StatusCode, path: &str) -> (&'static str, Cow<'static, [u8]>) {
    let reason = listener::protocol_error_message(status);
    let below = path.strip_prefix(GRAPHQL);
    if below.is_some_and(|rest| matches!(rest, "" | "/ws")) {
        let body = RequestError::new(status, code::BAD_USER_INPUT, reason).body();
        return (GRAPHQL_MEDIA_TYPE, body.to_vec().into());
    }
    let problem = Problem::new(status, reason);
    ("application/problem+json", problem.to_json().into())
}

fn protected(router: Router, guard: &Guard) -> Router {
    guard.protect(router, |_, error| {
        Problem::from(error.clone()).into_response()
    })
}

impl ApiServer {
    /// Builds the router.
    pub(crate) fn router(self) -> Router {
        let rate_limit = RateLimit::new(self.settings.rate_limit);
        let metrics = Arc::new(self.metrics.clone());
        let connections = ConnectionLimiter::default();
        let graphql = self.graphql(self.guard.clone(), rate_limit.clone(), connections.clone());
        let sockets = ws::WsState {
            service: self.service.clone(),
            sockets: PushServer {
                limits: ws::limits(&self.limits),
                connections,
                drain: self.drain(),
                tasks: self.shutdown.tasks().clone(),
                writers: Writers::default(),
                observer: metrics.clone(),
            },
        };
        let others = rest::router(self.service, self.tokens.clone())
            .merge(ws::router(sockets, self.tokens))
            .merge(self.health.router())
            .merge(self.console.router());
        let limited = middleware::from_fn_with_state((rate_limit, &UNLIMITED), auth::limit);
        let others = others
            .fallback(rest::unknown_path)
            .method_not_allowed_fallback(rest::unknown_method)
            .layer(limited);
        let counted = middleware::from_fn_with_state(metrics, measure_request);
        let proxies = TrustedProxies::new(&self.settings.trusted_proxies);
        let identified = MapRequestLayer::new(move |request| proxies.identify(request));
        protected(others, &self.guard)
            .merge(graphql)
            // The first is the outermost. axum copies each layer and its state for each request:
            // this is one layer, and the state is small.
            .layer((counted, identified))
    }

    fn drain(&self) -> Drain {
        let shutdown = self.shutdown.clone();
        let jitter = move |_| shutdown.closing_delay();
        let signal = self.shutdown.soft().clone();
        Drain::new(signal, self.shutdown.closing_spread(), jitter)
    }

    fn graphql(
        &self,
        guard: Guard,
        rate_limit: RateLimit,
        connections: ConnectionLimiter,
    ) -> Router {
        let options = SchemaOptions {
            introspection: self.settings.introspection,
            suggestions: self.settings.suggestions,
        };
        let schema = schema(self.service.clone(), options);
        let types = if self.settings.introspection {
            types()
        } else {
            types().without_introspection()
        };
        let executor = Executor::new(
            schema,
            self.service.clone(),
            self.tokens.clone(),
            rate_limit,
        );
        let transport = Transport::new(executor)
            .with_limits(self.limits.clone())
            .with_documents(self.documents.clone())
            .with_types(types)
            .with_guard(guard)
            .with_connection_limiter(connections)
            .with_observer(self.metrics.clone())
            .with_drain(self.drain())
            .with_tasks(self.shutdown.tasks().clone());
        let transport = if self.console.has_graphiql() {
            let console = self.console.clone();
            transport.with_page(move |parts| console.graphiql(&parts.headers))
        } else {
            transport
        };
        transport.router(GRAPHQL)
    }
}

fn allow_list(variable: &'static str, allowed: &Allowed) -> Result<AllowList, InvalidSetting> {
    let parsed = match allowed {
        Allowed::Loopback => Ok(AllowList::loopback()),
        Allowed::Any => AllowList::parse(["*"]),
        Allowed::These(entries) => AllowList::parse(entries.iter().map(String::as_str)),
    };
    match parsed {
        Ok(list) => Ok(list.with_setting(variable)),
        Err(reason) => Err(InvalidSetting::AllowList { variable, reason }),
    }
}
