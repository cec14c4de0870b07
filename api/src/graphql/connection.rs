//! Relay connections.
//!
//! One invariant: a connection's edges, nodes and page info tell of the same rows.

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::{Alert, Cursor as Place, Price, Stock};
use store::page::Page;

use super::{alert::AlertObject, price::PriceObject, scalar::Cursor, service, stock::StockObject};
use crate::service::Service;

/// Where a page lies in its list.
#[derive(SimpleObject, Clone, Debug)]
pub(crate) struct PageInfo {
    /// Whether the list goes on after this page.
    has_next_page: bool,
    /// Whether the list has something before this page.
    has_previous_page: bool,
    /// The first edge's cursor; null on an empty page.
    start_cursor: Option<Cursor>,
    /// The last edge's cursor; null on an empty page.
    end_cursor: Option<Cursor>,
}

/// Declares an edge type and the conversion of rows to edges.
macro_rules! edge {
    ($(#[$doc:meta])* $edge:ident, $node:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject, Clone)]
        pub(crate) struct $edge {
            /// The place of the node in this list.
            cursor: Cursor,
            /// What is there.
            node: $node,
        }
    };
}

edge!(
    /// A stock in a list.
    StockEdge, StockObject
);
edge!(
    /// A price in a list.
    PriceEdge, PriceObject
);
edge!(
    /// An alert in a list.
    AlertEdge, AlertObject
);

fn page_info<T>(page: &Page<T>, cursor: impl Fn(&T) -> String) -> PageInfo {
    PageInfo {
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
        start_cursor: page.rows.first().map(|row| Cursor(cursor(row))),
        end_cursor: page.rows.last().map(|row| Cursor(cursor(row))),
    }
}

fn stock_cursor(stock: &Stock) -> String {
    Place::Stock(stock.symbol.clone()).encode()
}

fn price_cursor(service: &Service) -> impl Fn(&Price) -> String + '_ {
    |price| service.cursor(price.seq, price.recorded_at)
}

fn alert_cursor(service: &Service) -> impl Fn(&Alert) -> String + '_ {
    |alert| service.cursor(alert.seq, alert.triggered_at)
}

/// A page of stocks, by symbol.
pub(crate) struct StockConnection {
    pub(super) page: Page<Stock>,
    pub(super) search: Option<String>,
}

/// A page of stocks, by symbol.
#[Object]
impl StockConnection {
    /// The stocks of this page with their cursors.
    async fn edges(&self) -> Vec<StockEdge> {
        let edge = |stock: &Stock| StockEdge {
            cursor: Cursor(stock_cursor(stock)),
            node: StockObject(stock.clone()),
        };
        self.page.rows.iter().map(edge).collect()
    }

    /// The stocks of this page.
    async fn nodes(&self) -> Vec<StockObject> {
        self.page.rows.iter().cloned().map(StockObject).collect()
    }

    /// Where the page lies in the list.
    async fn page_info(&self) -> PageInfo {
        page_info(&self.page, stock_cursor)
    }

    /// How many stocks the whole list has.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = service(ctx)?.stock_count(self.search.as_deref()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of prices, newest first.
pub(crate) struct PriceConnection {
    pub(super) page: Page<Price>,
}

/// A page of prices, newest first.
#[Object]
impl PriceConnection {
    /// The prices of this page with their cursors.
    async fn edges(&self, ctx: &Context<'_>) -> Result<Vec<PriceEdge>> {
        let cursor = price_cursor(service(ctx)?);
        let edge = |price: &Price| PriceEdge {
            cursor: Cursor(cursor(price)),
            node: PriceObject(price.clone()),
        };
        Ok(self.page.rows.iter().map(edge).collect())
    }

    /// The prices of this page.
    async fn nodes(&self) -> Vec<PriceObject> {
        self.page.rows.iter().cloned().map(PriceObject).collect()
    }

    /// Where the page lies in the list.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        Ok(page_info(&self.page, price_cursor(service(ctx)?)))
    }
}

/// A page of alerts, newest first.
pub(crate) struct AlertConnection {
    pub(super) page: Page<Alert>,
    /// How many alerts the whole list has, if it is one stock's.
    pub(super) total: Option<i64>,
}

/// A page of alerts, newest first.
#[Object]
impl AlertConnection {
    /// The alerts of this page with their cursors.
    async fn edges(&self, ctx: &Context<'_>) -> Result<Vec<AlertEdge>> {
        let cursor = alert_cursor(service(ctx)?);
        let edge = |alert: &Alert| AlertEdge {
            cursor: Cursor(cursor(alert)),
            node: AlertObject(alert.clone()),
        };
        Ok(self.page.rows.iter().map(edge).collect())
    }

    /// The alerts of this page.
    async fn nodes(&self) -> Vec<AlertObject> {
        self.page.rows.iter().cloned().map(AlertObject).collect()
    }

    /// Where the page lies in the list.
    async fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        Ok(page_info(&self.page, alert_cursor(service(ctx)?)))
    }

    /// How many alerts the whole list has.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = match self.total {
            Some(total) => total,
            None => service(ctx)?.alert_count().await?,
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}
