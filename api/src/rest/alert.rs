//! `/api/v1/alerts`.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use entity::{List, Stock};
use store::alert::AlertFilter;

use super::{
    parameter::{ListParameters, ListQuery},
    view::AlertView,
};
use crate::{problem::Problem, service::Service};

/// All alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts",
    params(ListQuery),
    responses((status = 200, body = [AlertView])))]
pub(crate) async fn alerts(
    State(service): State<Service>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let parameters = ListParameters::read(&uri, 50)?;
    page(&service, None, parameters).await
}

/// A page of a stock's alerts, or of all.
pub(super) async fn page(
    service: &Service,
    stock: Option<&Stock>,
    parameters: ListParameters,
) -> Result<Response, Problem> {
    let list = stock.map_or(List::AllAlerts, |stock| List::Alerts(stock.id));
    let parameters = parameters.of_list(list);
    let filter = stock.map_or(AlertFilter::All, |stock| AlertFilter::Stock(stock.id));
    let page = service
        .alerts(
            filter,
            parameters.recorded,
            &parameters.page,
            parameters.size,
        )
        .await?;
    let cursor = page
        .rows
        .last()
        .map(|last| service.list_cursor(list, last.seq, last.recorded_at()));
    let views: Vec<AlertView> = page.rows.iter().map(AlertView::from).collect();
    Ok(parameters.page(views, page.has_next.then_some(cursor).flatten()))
}
