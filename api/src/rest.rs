//! The REST API under `/api/v1`, and its OpenAPI description.
//!
//! Handlers translate between HTTP and the [`service`](crate::service). Every error is a
//! [`Problem`].

mod accept;
mod alert;
mod caching;
mod health;
mod openapi;
mod parameter;
mod rule;
mod stock;
mod view;

use axum::{Router, http::StatusCode, middleware, routing::get};
pub(crate) use health::starting;
pub use openapi::openapi;
pub(crate) use parameter::query_parameters;
#[cfg(test)]
pub(crate) use stock::stocks;
pub(crate) use view::{AlertView, StockView};

use crate::{
    auth::{self, AccessTokens},
    problem::Problem,
    service::Service,
};

/// The health check of the whole product.
pub(crate) const HEALTH: &str = "/api/v1/health";
/// The liveness probe.
pub(crate) const LIVEZ: &str = "/livez";
/// The readiness probe.
pub(crate) const READYZ: &str = "/readyz";
/// The OpenAPI description.
const OPENAPI: &str = "/api/v1/openapi.json";

/// Builds the routes. All but the health check require permission to read.
pub(crate) fn router(service: Service, tokens: AccessTokens) -> Router {
    let reads = Router::new()
        .route("/api/v1/stocks", get(stock::stocks))
        .route("/api/v1/stocks/{symbol}", get(stock::stock))
        .route("/api/v1/stocks/{symbol}/history", get(stock::history))
        .route("/api/v1/stocks/{symbol}/alerts", get(stock::alerts))
        .route("/api/v1/alerts", get(alert::alerts))
        .route("/api/v1/rules", get(rule::rules))
        // The first is the outermost.
        .route_layer((
            middleware::from_fn_with_state(service.clone(), caching::set_age),
            middleware::from_fn(caching::conditional),
        ))
        .route(OPENAPI, get(openapi::description))
        .route_layer((
            middleware::from_fn_with_state(tokens, auth::require_reader),
            middleware::from_fn(accept::require_json),
        ));
    Router::new()
        .route(HEALTH, get(health::health))
        .merge(reads)
        .with_state(service)
}

/// The response to an unknown path.
pub(crate) async fn unknown_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown path")
}

/// The response to a method that the path does not support. The router adds `Allow`.
pub(crate) async fn unknown_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "the path does not support this method",
    )
}
