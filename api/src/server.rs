//! Everything that the API listener serves, on one page.
//!
//! One invariant: no route is without the guard: the GraphQL transport brings its own, the rest stands behind the same.

use std::sync::Arc;

use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use runtime::{
    config::{AccessSettings, Allowed},
    health::Health,
    lifecycle::Shutdown,
    metric::ServeMetrics,
};
use transport::{AllowList, Drain, Guard, Limits, PageSizes, Transport};

use crate::{
    access::Access,
    graphql::{Executor, SchemaOptions, schema},
    observe::{Counted, count_request},
    rest::{self, Problem},
    service::{GRAPHQL, Service},
    socket,
};

/// Where GraphiQL lives.
const GRAPHIQL: &str = "/graphiql";
/// Where people of other servers look for it.
const PLAYGROUND: &str = "/playground";

/// What the listener is put together from.
pub(crate) struct Server {
    /// What it asks.
    pub(crate) service: Service,
    /// Who may ask.
    pub(crate) access: Access,
    /// Hosts, origins and switches.
    pub(crate) settings: AccessSettings,
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
}

impl Server {
    /// The routes, guarded and counted.
    pub(crate) fn router(self) -> Result<Router, ServerError> {
        let hosts = allow_list("ALLOWED_HOSTS", &self.settings.allowed_hosts)?;
        let origins = allow_list("ALLOWED_ORIGINS", &self.settings.allowed_origins)?;
        let guard = Guard::new(hosts, origins).with_pages([GRAPHIQL, PLAYGROUND]);
        let graphql = self.graphql(guard.clone());
        let hub = self.service.hub().clone();
        let mut others = rest::router(self.service, self.access.clone())
            .merge(socket::router(
                hub,
                self.shutdown,
                self.metrics.clone(),
                self.access,
            ))
            .merge(self.health.router());
        if self.settings.graphiql {
            others = others
                .route(GRAPHIQL, get(async || graphiql()))
                .route(PLAYGROUND, get(async || Redirect::permanent(GRAPHIQL)));
        }
        let others = others
            .fallback(rest::unknown_path)
            .method_not_allowed_fallback(rest::unknown_method);
        let others = guard.protect(others, |_, fault| {
            Problem::from(fault.clone()).into_response()
        });
        let counted = middleware::from_fn_with_state(self.metrics, count_request);
        Ok(others.merge(graphql).layer(counted))
    }

    fn graphql(&self, guard: Guard) -> Router {
        let options = SchemaOptions {
            introspection: self.settings.introspection,
        };
        let schema = schema(self.service.clone(), options);
        let shutdown = self.shutdown.clone();
        let jitter = move |_| shutdown.closing_delay();
        let drain = Drain::new(
            self.shutdown.soft().clone(),
            self.shutdown.closing_spread(),
            jitter,
        );
        let transport = Transport::new(Executor::new(
            schema,
            self.service.clone(),
            self.access.clone(),
        ))
        .with_limits(limits())
        .with_guard(guard)
        .with_observer(Counted::new(self.metrics.clone()))
        .with_drain(drain)
        .with_tasks(self.shutdown.tasks().clone());
        let transport = if self.settings.graphiql {
            transport.with_page(|_| graphiql())
        } else {
            transport
        };
        transport.router("/graphql")
    }
}

/// The transports' limits, with the sizes of the schema's lists.
fn limits() -> Limits {
    let most = u64::from(GRAPHQL.most);
    let default = u64::from(GRAPHQL.default);
    let sizes = ["stocks", "history", "alerts"]
        .into_iter()
        .fold(PageSizes::new(most), |sizes, list| {
            sizes.with_list(list, default)
        })
        .with_length("nodes", "ids");
    let mut limits = Limits::default();
    limits.budget.weigh = Arc::new(sizes);
    limits
}

fn allow_list(variable: &'static str, allowed: &Allowed) -> Result<AllowList, ServerError> {
    let parsed = match allowed {
        Allowed::Loopback => return Ok(AllowList::loopback()),
        Allowed::Any => AllowList::parse(["*"]),
        Allowed::These(entries) => AllowList::parse(entries.iter().map(String::as_str)),
    };
    parsed.map_err(|reason| ServerError::AllowList { variable, reason })
}

fn graphiql() -> Response {
    let page = async_graphql::http::GraphiQLSource::build()
        .title("Stock Tracker")
        .endpoint("/graphql")
        .subscription_endpoint("/graphql")
        .finish();
    (StatusCode::OK, Html(page)).into_response()
}
