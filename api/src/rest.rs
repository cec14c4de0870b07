//! The REST API under `/api/v1`, and its description.
//!
//! One invariant: a handler translates; what is true is the service's to say. Whatever is not served here is a problem
//! too, in the same words.

mod accept;
mod age;
mod alert;
mod conditional;
mod description;
mod health;
mod number;
mod page;
mod parameter;
mod problem;
mod stock;
mod view;

use axum::{Json, Router, http::StatusCode, middleware, routing::get};
use description::Everywhere;
use utoipa::OpenApi;

pub(crate) use health::starting;
pub(crate) use parameter::known;
pub(crate) use problem::Problem;
#[cfg(test)]
pub(crate) use stock::stocks;
pub(crate) use view::{AlertView, StockView};

use crate::{access::Access, service::Service};

/// Where the health of the product is told.
pub(crate) const HEALTH: &str = "/api/v1/health";
/// Where it is said that the process lives.
const LIVEZ: &str = "/livez";
/// Where it is said that the process is ready.
const READYZ: &str = "/readyz";
/// Where all of this is described.
const OPENAPI: &str = "/api/v1/openapi.json";

/// The description of everything here.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stock Tracker",
        description = "Stocks, exact prices and alerts. Numbers are JSON numbers with their exact digits. \
                       An unknown path is 404, a method other than GET and HEAD is 405 with `Allow`, both as problems; \
                       unknown parameters are ignored.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        stock::stocks,
        stock::stock,
        stock::history,
        stock::alerts,
        alert::alerts,
        health::health,
        health::livez,
        health::readyz,
        description
    ),
    // Relative to the description's own URL, so that it holds below a path of a proxy, too.
    servers((url = "../..")),
    components(schemas(Problem)),
    modifiers(&Everywhere)
)]
struct Description;

/// The description as JSON, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description, OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation", responses((status = 200, body = Object)))]
async fn description() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}

/// The routes. Reads need what `access` says; health needs nothing.
pub(crate) fn router(service: Service, access: Access) -> Router {
    let reads = Router::new()
        .route("/api/v1/stocks", get(stock::stocks))
        .route("/api/v1/stocks/{symbol}", get(stock::stock))
        .route("/api/v1/stocks/{symbol}/history", get(stock::history))
        .route("/api/v1/stocks/{symbol}/alerts", get(stock::alerts))
        .route("/api/v1/alerts", get(alert::alerts))
        .route_layer(middleware::from_fn(conditional::conditional))
        .route_layer(middleware::from_fn_with_state(
            service.clone(),
            age::tell_age,
        ))
        .route(OPENAPI, get(description))
        .route_layer(middleware::from_fn(accept::require_json))
        .route_layer(middleware::from_fn_with_state(
            access,
            crate::access::require_reader,
        ));
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
