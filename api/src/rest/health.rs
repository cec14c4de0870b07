//! `/api/v1/health`: how the product does, for people and their scripts.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::Service;

/// How the product does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// `ok`, `degraded` (it serves, but what it serves may age) or `down` (no database).
    #[schema(pattern = "^(ok|degraded|down)$")]
    status: &'static str,
    /// Each part: `ok`, or what is wrong with it.
    checks: BTreeMap<String, String>,
}

/// How the product does before it has a database.
pub(crate) async fn starting() -> (StatusCode, Json<HealthView>) {
    let checks = BTreeMap::from([("database".to_owned(), "is waited for".to_owned())]);
    (
        StatusCode::SERVICE_UNAVAILABLE,
        Json(HealthView {
            status: "down",
            checks,
        }),
    )
}

/// How the product does; 503 only while the database is away.
#[utoipa::path(get, path = "/api/v1/health", tag = "operation",
    responses((status = 200, body = HealthView), (status = 503, body = HealthView)))]
pub(crate) async fn health(State(service): State<Service>) -> (StatusCode, Json<HealthView>) {
    let status = service.status().await;
    let mut checks = BTreeMap::new();
    let database = if status.database_up {
        "ok"
    } else {
        "does not answer"
    };
    checks.insert("database".to_owned(), database.to_owned());
    if status.database_up {
        let tracker = if status.is_tracked() {
            "ok"
        } else {
            "none is active"
        };
        checks.insert("tracker".to_owned(), tracker.to_owned());
    }
    for provider in &status.providers {
        let state = if provider.is_well() {
            "ok".to_owned()
        } else {
            provider
                .row
                .state
                .to_string()
                .to_lowercase()
                .replace('_', " ")
        };
        checks.insert(format!("provider {}", provider.row.name), state);
    }
    let (code, word) = match (
        status.database_up,
        checks.values().all(|check| check == "ok"),
    ) {
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "down"),
        (true, false) => (StatusCode::OK, "degraded"),
        (true, true) => (StatusCode::OK, "ok"),
    };
    (
        code,
        Json(HealthView {
            status: word,
            checks,
        }),
    )
}
