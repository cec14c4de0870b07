//! Relay connections: pages of stocks, prices, alerts and deliveries.

use async_graphql::{Context, ContextSelectionSet, Object, Result, SimpleObject};
use entity::Cursor as ListCursor;
use store::page::Page;

use super::{alert::AlertObject, delivery::DeliveryObject, price::PriceObject, stock::StockObject};
use crate::{
    graphql::{
        context::service,
        output::{ConnectionNode, Edges, Rows},
        scalar::Cursor,
    },
    service::Service,
};

/// Information about pagination in a connection.
#[derive(SimpleObject, Clone, Debug)]
pub(crate) struct PageInfo {
    /// Whether there are more items after this page.
    has_next_page: bool,
    /// Whether there are more items before this page.
    has_previous_page: bool,
    /// The cursor of the first edge. Null if the page is empty.
    start_cursor: Option<Cursor>,
    /// The cursor of the last edge. Null if the page is empty.
    end_cursor: Option<Cursor>,
}

/// Declares the edge type of a row, and the cursor of the row in its list.
macro_rules! edge {
    ($(#[$doc:meta])* $edge:ident, $node:ident, |$row:ident, $service:ident| $cursor:expr) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(crate) struct $edge {
            /// The position of the node in the list.
            cursor: Cursor,
            /// The item at the end of the edge.
            node: $node,
        }

        impl ConnectionNode for $node {
            type Edge = $edge;

            fn list_cursor(&self, $service: &Service) -> String {
                let $row = &self.0;
                $cursor
            }

            fn edge(&self, ctx: &ContextSelectionSet<'_>) -> Result<$edge> {
                let (cursor, node) = (Cursor(self.list_cursor(service(ctx)?)), self.clone());
                Ok($edge { cursor, node })
            }
        }
    };
}

edge!(
    /// An edge in a list of stocks.
    StockEdge, StockObject, |stock, _service| ListCursor::Stock(stock.symbol.clone()).encode()
);
edge!(
    /// An edge in a list of prices.
    PriceEdge, PriceObject, |price, service| service.cursor(price.seq, price.recorded_at)
);
edge!(
    /// An edge in a list of alerts.
    AlertEdge, AlertObject, |alert, service| service.cursor(alert.seq, alert.recorded_at())
);
edge!(
    /// An edge in a list of deliveries.
    DeliveryEdge, DeliveryObject,
    |delivery, service| service.cursor(delivery.alert_seq, delivery.alert_recorded_at)
);

fn page_info<T: ConnectionNode>(page: &Page<T>, ctx: &Context<'_>) -> Result<PageInfo> {
    let service = service(ctx)?;
    let cursor = |row: &T| Cursor(row.list_cursor(service));
    Ok(PageInfo {
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
        start_cursor: page.rows.first().map(cursor),
        end_cursor: page.rows.last().map(cursor),
    })
}

/// A page of stocks, ordered by symbol.
pub(crate) struct StockConnection {
    pub(in crate::graphql) page: Page<StockObject>,
    pub(in crate::graphql) search: Option<String>,
}

/// A page of stocks, ordered by symbol.
#[Object]
impl StockConnection {
    /// The edges of the page.
    async fn edges(&self) -> Edges<'_, StockObject> {
        Edges(&self.page.rows)
    }

    /// The stocks of the page.
    async fn nodes(&self) -> Rows<'_, StockObject> {
        Rows::from(&*self.page.rows)
    }

    /// Information for pagination.
    fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        page_info(&self.page, ctx)
    }

    /// The total number of stocks in the list.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = service(ctx)?.stock_count(self.search.as_deref());
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of prices, newest first.
pub(crate) struct PriceConnection {
    pub(in crate::graphql) page: Page<PriceObject>,
}

/// A page of prices, newest first.
#[Object]
impl PriceConnection {
    /// The edges of the page.
    async fn edges(&self) -> Edges<'_, PriceObject> {
        Edges(&self.page.rows)
    }

    /// The prices of the page.
    async fn nodes(&self) -> Rows<'_, PriceObject> {
        Rows::from(&*self.page.rows)
    }

    /// Information for pagination.
    fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        page_info(&self.page, ctx)
    }
}

/// A page of deliveries, newest alert first.
pub(crate) struct DeliveryConnection {
    pub(in crate::graphql) page: Page<DeliveryObject>,
}

/// A page of deliveries, newest alert first.
#[Object]
impl DeliveryConnection {
    /// The edges of the page.
    async fn edges(&self) -> Edges<'_, DeliveryObject> {
        Edges(&self.page.rows)
    }

    /// The deliveries of the page.
    async fn nodes(&self) -> Rows<'_, DeliveryObject> {
        Rows::from(&*self.page.rows)
    }

    /// Information for pagination.
    fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        page_info(&self.page, ctx)
    }
}

/// A page of alerts, newest first.
pub(crate) struct AlertConnection {
    pub(in crate::graphql) page: Page<AlertObject>,
    pub(in crate::graphql) count: AlertCount,
}

/// The total number of alerts in a list.
#[derive(Clone, Copy, Debug)]
pub(in crate::graphql) enum AlertCount {
    /// It is known.
    Known(i64),
    /// That of all stocks.
    OfAll,
    /// That of a rule.
    OfRule(i64),
}

/// A page of alerts, newest first.
#[Object]
impl AlertConnection {
    /// The edges of the page.
    async fn edges(&self) -> Edges<'_, AlertObject> {
        Edges(&self.page.rows)
    }

    /// The alerts of the page.
    async fn nodes(&self) -> Rows<'_, AlertObject> {
        Rows::from(&*self.page.rows)
    }

    /// Information for pagination.
    fn page_info(&self, ctx: &Context<'_>) -> Result<PageInfo> {
        page_info(&self.page, ctx)
    }

    /// The total number of alerts in the list.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = match self.count {
            AlertCount::Known(count) => count,
            AlertCount::OfAll => service(ctx)?.alert_count().await?,
            AlertCount::OfRule(rule) => service(ctx)?.alert_count_of_rule(rule).await?,
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}
