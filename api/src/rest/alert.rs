//! `/api/v1/alerts`.

use std::collections::HashMap;

use axum::{
    extract::{OriginalUri, Query, State},
    http::Uri,
    response::Response,
};
use entity::Stock;

use super::{
    page::listed,
    parameter::{ListParameters, ListQuery},
    problem::Problem,
    view::AlertView,
};
use crate::service::Service;

/// All alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts",
    params(ListQuery),
    responses((status = 200, body = [AlertView]), (status = 400, body = Problem, content_type = "application/problem+json"), (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn alerts(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
    query: Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let parameters = ListParameters::read(query, 50)?;
    page(&service, None, &parameters, &uri).await
}

/// A page of a stock's alerts, or of all.
pub(super) async fn page(
    service: &Service,
    stock: Option<&Stock>,
    parameters: &ListParameters,
    uri: &Uri,
) -> Result<Response, Problem> {
    let page = service
        .alerts(
            stock,
            parameters.recorded,
            &parameters.page,
            parameters.size,
        )
        .await?;
    let cursor = page
        .rows
        .last()
        .map(|last| service.cursor(last.seq, last.triggered_at));
    let views: Vec<AlertView> = page.rows.iter().map(AlertView::from).collect();
    Ok(listed(
        views,
        page.has_next.then_some(cursor).flatten(),
        parameters,
        uri,
    ))
}
