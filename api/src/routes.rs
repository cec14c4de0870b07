//! Everything that the API listener serves, on one page.
//!
//! One invariant: no route is without the guard: the GraphQL transport brings its own, the rest stands behind the same.

use std::{borrow::Cow, io, sync::Arc};

use crate::metrics::ServeMetrics;
use async_graphql_axum::GraphQLResponse;
use axum::{
    Router,
    http::{StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{any, get},
};
use runtime::{
    config::{AccessSettings, Allowed, Settings},
    health::Health,
    http::listener,
    lifecycle::Shutdown,
};
use transport::{
    AllowList, ConnectionLimiter, Documents, Drain, Guard, Limits, PushServer, RequestError,
    Transport, code,
};

use crate::{
    auth::{self, Access, Proxies, RateLimit},
    graphql::{Executor, SchemaOptions, schema, types},
    limits,
    metrics::measure_request,
    problem::Problem,
    rest::{self, HEALTH, LIVEZ, READYZ},
    service::Service,
    ws,
};

/// Where GraphQL is served.
const GRAPHQL_PATH: &str = "/graphql";
/// What is said until the database is there.
const STARTING: &str = "the server is starting: it waits for its database";
/// Paths without a rate limit.
const UNLIMITED: [&str; 3] = [LIVEZ, READYZ, HEALTH];
/// Where GraphiQL lives.
const GRAPHIQL: &str = "/graphiql";
/// The same, relative to [`PLAYGROUND`]: a proxy may serve all of this below a path.
const RELATIVE_GRAPHIQL: &str = "graphiql";
/// Where people of other servers look for it.
const PLAYGROUND: &str = "/playground";

/// What the listener is put together from.
pub(crate) struct Server {
    /// What it asks.
    pub(crate) service: Service,
    /// Who may ask.
    pub(crate) access: Access,
    /// Which names it goes by, and which websites may ask.
    pub(crate) guard: Guard,
    /// Switches, and whose word counts.
    pub(crate) settings: AccessSettings,
    /// How much may be asked at once, and how long it may take.
    pub(crate) limits: Limits,
    /// Which documents may be named, or are served at all.
    pub(crate) documents: Documents,
    /// Whether it is fit to be asked.
    pub(crate) health: Health,
    /// What it counts.
    pub(crate) metrics: ServeMetrics,
    /// How it ends.
    pub(crate) shutdown: Shutdown,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// An allow-list has an entry that is none.
    #[error("{variable} {reason}")]
    AllowList {
        /// Which setting.
        variable: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The published documents cannot be read.
    #[error("cannot read the documents of TRUSTED_DOCUMENTS")]
    Documents(#[source] io::Error),
}

/// The guard that the settings ask for.
pub(crate) fn guard(settings: &AccessSettings) -> Result<Guard, ServerError> {
    let hosts = allow_list("ALLOWED_HOSTS", &settings.allowed_hosts)?;
    let origins = allow_list("ALLOWED_ORIGINS", &settings.allowed_origins)?;
    Ok(Guard::new(hosts, origins).with_pages([GRAPHIQL, PLAYGROUND]))
}

/// The documents that the settings ask for.
pub(crate) fn documents(settings: &Settings) -> Result<Documents, ServerError> {
    match &settings.access.trusted_documents {
        Some(folder) => Documents::trusted(folder).map_err(ServerError::Documents),
        None => Ok(limits::persisted(&settings.limits)),
    }
}

/// The limits that the settings ask for.
pub(crate) fn limits(settings: &Settings) -> Limits {
    limits::limits(&settings.limits, settings.shutdown_grace)
}

/// What is served while the database is waited for: alive, and nothing else yet.
pub(crate) fn starting(health: &Health, guard: &Guard) -> Router {
    let starting =
        async || Problem::new(StatusCode::SERVICE_UNAVAILABLE, STARTING).with_retry_after(Some(1));
    let router = health
        .router()
        .route(HEALTH, get(rest::starting))
        .route(GRAPHQL_PATH, any(async || graphql_starting()))
        .fallback(starting);
    protected(router, guard)
}

/// The same in the words of GraphQL, which its clients read at any status.
fn graphql_starting() -> Response {
    let mut error = async_graphql::ServerError::new(STARTING, None);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code::UNAVAILABLE);
    extensions.set("retryAfter", 1);
    let answer = GraphQLResponse::from(async_graphql::Response::from_errors(vec![error]));
    let status = StatusCode::SERVICE_UNAVAILABLE;
    (status, [(header::RETRY_AFTER, "1")], answer).into_response()
}

/// The body of an answer to a request that the listener cannot read, by its path.
pub(crate) fn refusal(status: StatusCode, path: &str) -> (&'static str, Cow<'static, [u8]>) {
    let reason = listener::protocol_error_message(status);
    let below = path.strip_prefix(GRAPHQL_PATH);
    if below.is_some_and(|rest| matches!(rest, "" | "/ws")) {
        let body = RequestError::new(status, code::BAD_USER_INPUT, reason).body();
        let media = "application/graphql-response+json; charset=utf-8";
        return (media, body.to_vec().into());
    }
    let problem = Problem::new(status, reason);
    ("application/problem+json", problem.text().into())
}

fn protected(router: Router, guard: &Guard) -> Router {
    guard.protect(router, |_, fault| {
        Problem::from(fault.clone()).into_response()
    })
}

impl Server {
    /// The routes, guarded and counted.
    pub(crate) fn router(self) -> Router {
        let rate = RateLimit::new(self.settings.rate_limit);
        let connections = ConnectionLimiter::default();
        let graphql = self.graphql(self.guard.clone(), rate.clone(), connections.clone());
        let sockets = ws::WsState {
            service: self.service.clone(),
            sockets: PushServer {
                limits: ws::limits(&self.limits),
                connections,
                drain: self.drain(),
                tasks: self.shutdown.tasks().clone(),
                observer: Arc::new(self.metrics.clone()),
            },
        };
        let mut others = rest::router(self.service, self.access.clone())
            .merge(ws::router(sockets, self.access))
            .merge(self.health.router());
        if self.settings.graphiql {
            others = others.route(GRAPHIQL, get(async || graphiql())).route(
                PLAYGROUND,
                get(async || Redirect::permanent(RELATIVE_GRAPHIQL)),
            );
        }
        let limited = middleware::from_fn_with_state((rate, &UNLIMITED), auth::limit);
        let others = others
            .fallback(rest::unknown_path)
            .method_not_allowed_fallback(rest::unknown_method)
            .layer(limited);
        let counted = middleware::from_fn_with_state(self.metrics, measure_request);
        let proxies = Proxies::new(&self.settings.trusted_proxies);
        protected(others, &self.guard)
            .merge(graphql)
            .layer(middleware::from_fn_with_state(proxies, auth::identify))
            .layer(counted)
    }

    fn drain(&self) -> Drain {
        let shutdown = self.shutdown.clone();
        let jitter = move |_| shutdown.closing_delay();
        let signal = self.shutdown.soft().clone();
        Drain::new(signal, self.shutdown.closing_spread(), jitter)
    }

    fn graphql(&self, guard: Guard, rate: RateLimit, connections: ConnectionLimiter) -> Router {
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
        let executor = Executor::new(schema, self.service.clone(), self.access.clone(), rate);
        let transport = Transport::new(executor)
            .with_limits(self.limits.clone())
            .with_documents(self.documents.clone())
            .with_types(types)
            .with_guard(guard)
            .with_connection_limiter(connections)
            .with_observer(self.metrics.clone())
            .with_drain(self.drain())
            .with_tasks(self.shutdown.tasks().clone());
        let transport = if self.settings.graphiql {
            transport.with_page(|_| graphiql())
        } else {
            transport
        };
        transport.router(GRAPHQL_PATH)
    }
}

fn allow_list(variable: &'static str, allowed: &Allowed) -> Result<AllowList, ServerError> {
    let parsed = match allowed {
        Allowed::Loopback => Ok(AllowList::loopback()),
        Allowed::Any => AllowList::parse(["*"]),
        Allowed::These(entries) => AllowList::parse(entries.iter().map(String::as_str)),
    };
    match parsed {
        Ok(list) => Ok(list.with_setting(variable)),
        Err(reason) => Err(ServerError::AllowList { variable, reason }),
    }
}

fn graphiql() -> Response {
    // The library resolves the endpoint against the origin. Against the page's own URL it is right below a path, too,
    // for this page as for that of GET /graphql.
    let page = async_graphql::http::GraphiQLSource::build()
        .title("Stock Tracker")
        .endpoint("graphql")
        .subscription_endpoint("graphql")
        .finish()
        .replace("window.location.origin", "window.location.href");
    // People type tokens into it: no other site may show it as its own.
    let alone = [("content-security-policy", "frame-ancestors 'none'")];
    (StatusCode::OK, alone, Html(page)).into_response()
}
