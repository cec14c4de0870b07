//! `/api/v1/health`: the health check of the whole product, for people and scripts.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use entity::ProviderState;
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{Error, Service};

/// The health of the product.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// `ok`, `degraded` (requests are served, but data may become stale) or `down` (no database).
    #[schema(pattern = "^(ok|degraded|down)$")]
    status: &'static str,
    /// For each part `ok`, or what is wrong with it.
    checks: BTreeMap<String, String>,
}

/// The health until the database is open.
pub(crate) async fn starting() -> Response {
    let checks = BTreeMap::from([("database".to_owned(), "connecting".to_owned())]);
    down(checks)
}

/// 503 with `Retry-After`.
fn down(checks: BTreeMap<String, String>) -> Response {
    let retry_after = Error::away()
        .retry_after()
        .map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
    let status = "down";
    let view = Json(HealthView { status, checks });
    (StatusCode::SERVICE_UNAVAILABLE, retry_after, view).into_response()
}

/// The health of the product; 503 only while the database is unavailable.
#[utoipa::path(get, path = "/api/v1/health", tag = "operation",
    responses((status = 200, body = HealthView), (status = 503, body = HealthView,
        headers(("Retry-After" = u32, description = "Seconds after which to retry.")))))]
pub(crate) async fn health(State(service): State<Service>) -> Response {
    let status = service.status().await;
    let mut checks = BTreeMap::new();
    let database = match &status.providers {
        _ if !status.database_up => "does not answer",
        None => "does not answer in time",
        Some(_) => "ok",
    };
    checks.insert("database".to_owned(), database.to_owned());
    if status.database_up && status.providers.is_some() {
        let tracker = match status.untracked() {
            None => "ok".to_owned(),
            Some(Duration::MAX) => "never seen".to_owned(),
            // A tracker may be running and unable to write its heartbeat.
            Some(elapsed) => format!("no heartbeat for {} s", elapsed.as_secs()),
        };
        checks.insert("tracker".to_owned(), tracker);
    }
    if let (true, Some(stall)) = (status.database_up, status.feed_stall) {
        let check = format!("not read for {} s", stall.as_secs());
        checks.insert("feed".to_owned(), check);
    }
    for provider in status.providers.iter().flatten() {
        let state = if is_well(provider.state) {
            "ok".to_owned()
        } else {
            provider.state.to_string().to_lowercase().replace('_', " ")
        };
        checks.insert(format!("provider {}", provider.name), state);
    }
    if !status.database_up {
        return down(checks);
    }
    let well = checks.values().all(|check| check == "ok");
    let status = if well { "ok" } else { "degraded" };
    Json(HealthView { status, checks }).into_response()
}

/// Whether a provider works as intended.
fn is_well(state: ProviderState) -> bool {
    matches!(
        state,
        ProviderState::Ok
            | ProviderState::Streaming
            | ProviderState::Standby
            | ProviderState::RateLimited
    )
}

/// Whether the process is alive. Does not use the database.
#[utoipa::path(get, path = "/livez", tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain", description = "Alive.", example = "ok\n")))]
#[expect(dead_code, reason = "describes a route that every listener has")]
fn livez() {}

/// Whether the process can serve requests.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "Ready.", example = "ready\n"),
        (status = 503, body = String, content_type = "text/plain",
            description = "Draining, not migrated, or without a database; the body has the reason.")))]
#[expect(dead_code, reason = "describes a route that every listener has")]
fn readyz() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn down_comes_with_retry_after() {
        let answer = starting().await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
        assert_eq!(answer.headers()["content-type"], "application/json");
    }
}
