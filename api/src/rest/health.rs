//! `/api/v1/health`: how the product does, for people and their scripts.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{Error, Service};

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
pub(crate) async fn starting() -> Response {
    let checks = BTreeMap::from([("database".to_owned(), "is waited for".to_owned())]);
    down(checks)
}

/// Says when to ask again, as every fault of an outage does.
fn down(checks: BTreeMap<String, String>) -> Response {
    let again = Error::away()
        .retry_after()
        .map(|seconds| [(RETRY_AFTER, seconds.to_string())]);
    let status = "down";
    let view = Json(HealthView { status, checks });
    (StatusCode::SERVICE_UNAVAILABLE, again, view).into_response()
}

/// How the product does; 503 only while the database is away.
#[utoipa::path(get, path = "/api/v1/health", tag = "operation",
    responses((status = 200, body = HealthView), (status = 503, body = HealthView,
        headers(("Retry-After" = u32, description = "After how many seconds another try makes sense.")))))]
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
            Some(Duration::MAX) => "none was ever active".to_owned(),
            // It may live and not be able to write that it does.
            Some(silence) => format!("none has written for {} s", silence.as_secs()),
        };
        checks.insert("tracker".to_owned(), tracker);
    }
    if let (true, Some(feed_stall)) = (status.database_up, status.feed_stall) {
        let said = format!("was not read for {} s", feed_stall.as_secs());
        checks.insert("feed".to_owned(), said);
    }
    for provider in status.providers.iter().flatten() {
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
    if !status.database_up {
        return down(checks);
    }
    let well = checks.values().all(|check| check == "ok");
    let status = if well { "ok" } else { "degraded" };
    Json(HealthView { status, checks }).into_response()
}

/// Whether the process is alive. Never asks the database.
#[utoipa::path(get, path = "/livez", tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain", description = "Alive.", example = "ok\n")))]
#[expect(dead_code, reason = "describes a route that every listener has")]
fn livez() {}

/// Whether the process can be sent requests.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "Ready.", example = "ready\n"),
        (status = 503, body = String, content_type = "text/plain",
            description = "Draining, not migrated, or without a database that answers; the text says which.")))]
#[expect(dead_code, reason = "describes a route that every listener has")]
fn readyz() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_told_that_it_is_down_is_told_when_to_ask_again() {
        let answer = starting().await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[RETRY_AFTER], "2");
        assert_eq!(answer.headers()["content-type"], "application/json");
    }
}
