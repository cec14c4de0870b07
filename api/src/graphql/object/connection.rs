//! Relay connections: pages of stocks, prices, alerts and deliveries.

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::{Alert, Cursor as ListCursor, Price};
use ref_cast::RefCast;
use store::{alert::AlertFilter, page::Page, price::Recorded};

use super::{alert::AlertObject, delivery::DeliveryObject, price::PriceObject, stock::StockObject};
use crate::{
    graphql::{
        argument::{page_args, recorded},
        context::service,
        plan::{
            Arguments, Compiler, ConnectionNode, ConnectionPlan, Reader, Run, SelectedField,
            Unplanned, Writer,
        },
        scalar::Cursor,
    },
    service::{PageArgs, Service},
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

        impl Listed for $node {
            type Edge = $edge;

            fn list_cursor(&self, $service: &Service) -> String {
                let $row = &self.0;
                $cursor
            }

            fn edge(&self, service: &Service) -> $edge {
                let (cursor, node) = (Cursor(self.list_cursor(service)), self.clone());
                $edge { cursor, node }
            }
        }
    };
}

/// A row of a connection.
pub(in crate::graphql) trait Listed {
    /// The type of the edge that leads to the row.
    type Edge;

    /// Returns the position of the row in its list, as a cursor.
    fn list_cursor(&self, service: &Service) -> String;

    /// Returns the edge of the row.
    fn edge(&self, service: &Service) -> Self::Edge;
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

impl ConnectionNode for StockObject {
    const CONNECTION: &'static str = "StockConnection";
    const EDGE: &'static str = "StockEdge";
}

impl ConnectionNode for PriceObject {
    const CONNECTION: &'static str = "PriceConnection";
    const EDGE: &'static str = "PriceEdge";
}

impl ConnectionNode for AlertObject {
    const CONNECTION: &'static str = "AlertConnection";
    const EDGE: &'static str = "AlertEdge";
}

fn edges<T: Listed>(page: &Page<T>, ctx: &Context<'_>) -> Result<Vec<T::Edge>> {
    let service = service(ctx)?;
    Ok(page.rows.iter().map(|row| row.edge(service)).collect())
}

fn page_info<T: Listed>(page: &Page<T>, ctx: &Context<'_>) -> Result<PageInfo> {
    let service = service(ctx)?;
    let cursor = |row: &T| Cursor(row.list_cursor(service));
    Ok(PageInfo {
        has_next_page: page.has_next,
        has_previous_page: page.has_previous,
        start_cursor: page.rows.first().map(cursor),
        end_cursor: page.rows.last().map(cursor),
    })
}

/// Compiles the arguments of a page.
pub(in crate::graphql) fn page_arguments(reader: &Reader<'_>) -> Result<PageArgs, Unplanned> {
    Ok(page_args(
        reader.get("first")?,
        reader.get("after")?,
        reader.get("last")?,
        reader.get("before")?,
    ))
}

/// Compiles the arguments of a history.
pub(in crate::graphql) fn history_arguments(
    reader: &Reader<'_>,
) -> Result<(Recorded, PageArgs), Unplanned> {
    let recorded = recorded(reader.get("from")?, reader.get("to")?);
    Ok((recorded, page_arguments(reader)?))
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
    fn edges(&self, ctx: &Context<'_>) -> Result<Vec<StockEdge>> {
        edges(&self.page, ctx)
    }

    /// The stocks of the page.
    async fn nodes(&self) -> &[StockObject] {
        &self.page.rows
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
    fn edges(&self, ctx: &Context<'_>) -> Result<Vec<PriceEdge>> {
        edges(&self.page, ctx)
    }

    /// The prices of the page.
    async fn nodes(&self) -> &[PriceObject] {
        &self.page.rows
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
    fn edges(&self, ctx: &Context<'_>) -> Result<Vec<DeliveryEdge>> {
        edges(&self.page, ctx)
    }

    /// The deliveries of the page.
    async fn nodes(&self) -> &[DeliveryObject] {
        &self.page.rows
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
    fn edges(&self, ctx: &Context<'_>) -> Result<Vec<AlertEdge>> {
        edges(&self.page, ctx)
    }

    /// The alerts of the page.
    async fn nodes(&self) -> &[AlertObject] {
        &self.page.rows
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

/// Writes a page of prices, unless it is not loaded yet.
pub(in crate::graphql) fn write_prices(
    plan: &ConnectionPlan<PriceObject>,
    page: Option<Page<&Price>>,
    run: &Run<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unplanned> {
    let page = page.map(|page| page.map(PriceObject::ref_cast));
    plan.write(page, || None, run, out)
}

/// Writes a page of alerts, unless it is not loaded yet.
pub(in crate::graphql) fn write_alerts(
    plan: &ConnectionPlan<AlertObject>,
    page: Option<Page<&Alert>>,
    count: AlertCount,
    run: &Run<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Unplanned> {
    let page = page.map(|page| page.map(AlertObject::ref_cast));
    let count = || match count {
        AlertCount::Known(count) => Some(count),
        AlertCount::OfAll => run.alert_count(None),
        AlertCount::OfRule(rule) => run.alert_count(Some(rule)),
    };
    plan.write(page, count, run, out)
}

impl AlertConnection {
    /// Compiles a field whose value is the list of alerts that `list_of` returns.
    pub(super) fn planned<T: 'static>(
        field: &SelectedField<'_>,
        compiler: &Compiler<'_>,
        list_of: fn(&T) -> (AlertFilter, AlertCount),
    ) -> Option<Writer<T>> {
        let plan = ConnectionPlan::new(field, compiler)?;
        let arguments = Arguments::new(field, compiler, page_arguments)?;
        Some(Box::new(move |row, run, out| {
            let (filter, count) = list_of(row);
            let page = run.alerts(filter, &*arguments.get(run)?)?;
            write_alerts(&plan, page, count, run, out)
        }))
    }
}
