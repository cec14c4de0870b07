//! The REST API under `/api/v1`, and its description.
//!
//! One invariant: a handler translates; what is true is the service's to say. Whatever is not served here is a problem
//! too, in the same words.

mod accept;
mod alert;
mod caching;
mod health;
mod openapi;
mod parameter;
mod stock;
mod view;

use axum::{Router, http::StatusCode, middleware, routing::get};
pub(crate) use health::starting;
pub use openapi::openapi;
pub(crate) use parameter::known;
#[cfg(test)]
pub(crate) use stock::stocks;
pub(crate) use view::{AlertView, StockView};

use crate::{
    auth::{self, AccessTokens},
    problem::Problem,
    service::Service,
};

/// Where the health of the product is told.
pub(crate) const HEALTH: &str = "/api/v1/health";
/// Where it is said that the process lives.
pub(crate) const LIVEZ: &str = "/livez";
/// Where it is said that the process is ready.
pub(crate) const READYZ: &str = "/readyz";
/// Where all of this is described.
const OPENAPI: &str = "/api/v1/openapi.json";

/// The routes. Reads need what `access` says; health needs nothing.
pub(crate) fn router(service: Service, access: AccessTokens) -> Router {
    let reads = Router::new()
        .route("/api/v1/stocks", get(stock::stocks))
        .route("/api/v1/stocks/{symbol}", get(stock::stock))
        .route("/api/v1/stocks/{symbol}/history", get(stock::history))
        .route("/api/v1/stocks/{symbol}/alerts", get(stock::alerts))
        .route("/api/v1/alerts", get(alert::alerts))
        .route_layer(middleware::from_fn(caching::conditional))
        .route_layer(middleware::from_fn_with_state(
            service.clone(),
            caching::tell_age,
        ))
        .route(OPENAPI, get(openapi::description))
        .route_layer(middleware::from_fn(accept::require_json))
        .route_layer(middleware::from_fn_with_state(access, auth::require_reader));
    Router::new()
        .route(HEALTH, get(health::health))
        .merge(reads)
        .with_state(service)
}

/// What every unknown path is answered with.
pub(crate) async fn unknown_path() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
}

/// What every method that a path does not take is answered with; the router adds `Allow`.
pub(crate) async fn unknown_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not take that method",
    )
}
