//! `/api/v1/stocks` and the paths below it.

use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use entity::List;

use super::{
    parameter::{ListParameters, ListQuery, SymbolPath},
    view::{AlertView, PriceView, StockView},
};
use crate::{
    problem::Problem,
    service::{Error, Service},
};

/// The tracked stocks with their latest prices, by symbol.
#[utoipa::path(get, path = "/api/v1/stocks", tag = "stocks",
    responses((status = 200, body = [StockView])))]
pub(crate) async fn stocks(
    State(service): State<Service>,
) -> Result<Json<Vec<StockView>>, Problem> {
    let staleness = service.staleness().await?;
    let quoted = service.quoted_stocks();
    let view = |(stock, price): &(_, Option<_>)| {
        let condition = staleness.of(stock, price.as_ref());
        StockView::new(stock, price.as_ref(), condition)
    };
    Ok(Json(quoted.iter().map(view).collect()))
}

/// One tracked stock with its latest price.
#[utoipa::path(get, path = "/api/v1/stocks/{symbol}", tag = "stocks",
    params(SymbolPath),
    responses((status = 200, body = StockView)))]
pub(crate) async fn stock(
    State(service): State<Service>,
    SymbolPath(symbol): SymbolPath,
) -> Result<Json<StockView>, Problem> {
    let staleness = service.staleness().await?;
    let quoted = service.quoted_stock(&symbol);
    let missing = || Error::NotFound(format!("{symbol} is not tracked"));
    let tracked = quoted.filter(|(stock, _)| stock.tracked);
    let (stock, price) = tracked.ok_or_else(missing)?;
    let condition = staleness.of(&stock, price.as_ref());
    Ok(Json(StockView::new(&stock, price.as_ref(), condition)))
}

/// A stock's prices, newest first.
#[utoipa::path(get, path = "/api/v1/stocks/{symbol}/history", tag = "stocks",
    params(SymbolPath, ListQuery),
    responses((status = 200, body = [PriceView])))]
pub(crate) async fn history(
    State(service): State<Service>,
    SymbolPath(symbol): SymbolPath,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let parameters = ListParameters::read(&uri, 100)?;
    let stock = service.known_stock(&symbol)?;
    let list = List::Prices(stock.id);
    let parameters = parameters.of_list(list);
    let page = service
        .history(
            stock.id,
            parameters.recorded,
            &parameters.page,
            parameters.size,
        )
        .await?;
    let cursor = page
        .rows
        .last()
        .map(|last| service.list_cursor(list, last.seq, last.recorded_at));
    let views: Vec<PriceView> = page.rows.iter().map(PriceView::from).collect();
    Ok(parameters.page(views, page.has_next.then_some(cursor).flatten()))
}

/// A stock's alerts, newest first.
#[utoipa::path(get, path = "/api/v1/stocks/{symbol}/alerts", tag = "alerts", operation_id = "stock_alerts",
    params(SymbolPath, ListQuery),
    responses((status = 200, body = [AlertView])))]
pub(crate) async fn alerts(
    State(service): State<Service>,
    SymbolPath(symbol): SymbolPath,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let parameters = ListParameters::read(&uri, 50)?;
    let stock = service.known_stock(&symbol)?;
    super::alert::page(&service, Some(&stock), parameters).await
}
