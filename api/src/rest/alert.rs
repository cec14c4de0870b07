//! `/api/v1/alerts`.

use axum::{
    extract::{OriginalUri, State},
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
    responses((status = 200, body = [AlertView])))]
pub(crate) async fn alerts(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let parameters = ListParameters::read(&uri, 50)?;
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
        .map(|last| service.cursor(last.seq, last.recorded_at()));
    let views: Vec<AlertView> = page.rows.iter().map(AlertView::from).collect();
    Ok(listed(
        views,
        page.has_next.then_some(cursor).flatten(),
        parameters,
        uri,
    ))
}
