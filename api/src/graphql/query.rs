//! What can be asked.

use async_graphql::{Context, ID, Object, Result};
use futures_util::future::join_all;
use store::price::Recorded;

use super::{
    alert::AlertObject,
    candle::CandleObject,
    connection::{AlertConnection, PriceConnection, StockConnection},
    kind::CandleInterval,
    node::{Node, find},
    price::PriceObject,
    row::Rows,
    rule::RuleObject,
    scalar::{Cursor, DateTime, Symbol},
    service,
    status::StatusObject,
    stock::{StockObject, page_args},
};
use crate::service::{Error, GRAPHQL, candle_range};

/// The most ids that `nodes` takes.
const MOST_NODES: usize = 100;

/// The query root.
pub(crate) struct Query;

/// What can be asked.
#[Object]
impl Query {
    /// One stock, tracked now or ever; null if it never was.
    async fn stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker, in any case.")] symbol: Symbol,
    ) -> Option<Result<StockObject>> {
        let stock = service(ctx).map(|service| service.stock(&symbol.0));
        stock.transpose().map(|stock| stock.map(StockObject))
    }

    /// The tracked stocks, by symbol.
    async fn stocks(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "How many from the beginning or after `after`: 0 to 500, 50 if not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor.")] after: Option<Cursor>,
        #[graphql(desc = "How many from the end or before `before`: 0 to 500.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<Cursor>,
        #[graphql(desc = "Only stocks whose symbol or name has this in it, in any case.")]
        search: Option<String>,
    ) -> Result<StockConnection> {
        let args = page_args(first, after, last, before);
        let page = service(ctx)?.stocks(search.as_deref(), &args, GRAPHQL)?;
        Ok(StockConnection {
            page: page.map(StockObject),
            search,
        })
    }

    /// A stock's prices, newest first.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker, in any case.")] symbol: Symbol,
        #[graphql(
            desc = "How many from the beginning or after `after`: 0 to 500, 50 if not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor: older prices.")] after: Option<Cursor>,
        #[graphql(desc = "How many from the end or before `before`: 0 to 500.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor: newer prices.")] before: Option<
            Cursor,
        >,
        #[graphql(desc = "Only prices recorded at this instant or later.")] from: Option<DateTime>,
        #[graphql(desc = "Only prices recorded before this instant.")] to: Option<DateTime>,
    ) -> Result<PriceConnection> {
        let service = service(ctx)?;
        let stock = service.known_stock(&symbol.0)?;
        let args = page_args(first, after, last, before);
        let recorded = Recorded {
            from: from.map(|at| at.0),
            to: to.map(|at| at.0),
        };
        let page = service.history(&stock, recorded, &args, GRAPHQL).await?;
        Ok(PriceConnection {
            page: page.map(PriceObject),
        })
    }

    /// A stock's newest candles of a range, the oldest first.
    async fn candles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker, in any case.")] symbol: Symbol,
        #[graphql(desc = "How long they are.")] interval: CandleInterval,
        #[graphql(desc = "Only candles that start at this instant or later.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "Only candles that start before this instant.")] to: Option<DateTime>,
        #[graphql(desc = "How many, the newest of the range: 0 to 1000, 200 if not given.")]
        first: Option<i32>,
    ) -> Result<Rows<'static, CandleObject>> {
        let service = service(ctx)?;
        let stock = service.known_stock(&symbol.0)?.id;
        let range = candle_range(
            interval.into(),
            from.map(|at| at.0),
            to.map(|at| at.0),
            first,
        )?;
        let candles = service.candles(&[stock], range).await?.remove(&stock);
        Ok(candles.into_iter().flatten().map(CandleObject).collect())
    }

    /// Alerts, newest first: a stock's, or all.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker, in any case; all stocks if not given.")] symbol: Option<
            Symbol,
        >,
        #[graphql(
            desc = "How many from the beginning or after `after`: 0 to 500, 50 if not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "Only what follows this cursor: older alerts.")] after: Option<Cursor>,
        #[graphql(desc = "How many from the end or before `before`: 0 to 500.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor: newer alerts.")] before: Option<
            Cursor,
        >,
    ) -> Result<AlertConnection> {
        let service = service(ctx)?;
        let stock = match symbol {
            Some(symbol) => Some(service.known_stock(&symbol.0)?),
            None => None,
        };
        let args = page_args(first, after, last, before);
        let page = service
            .alerts(stock.as_ref(), Recorded::default(), &args, GRAPHQL)
            .await?;
        Ok(AlertConnection {
            page: page.map(AlertObject),
            total: stock.map(|stock| stock.alert_count),
        })
    }

    /// The rules, the default rule first: those that watch a stock, or all.
    async fn alert_rules(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker, in any case; all rules if not given.")] symbol: Option<
            Symbol,
        >,
    ) -> Result<Rows<'static, RuleObject>> {
        let service = service(ctx)?;
        let stock = match symbol {
            Some(symbol) => Some(service.known_stock(&symbol.0)?.id),
            None => None,
        };
        Ok(service
            .rules(stock)
            .await?
            .into_iter()
            .map(RuleObject)
            .collect())
    }

    /// How the server, its database, its feed, its providers and the market are.
    async fn status(&self, ctx: &Context<'_>) -> Result<StatusObject> {
        Ok(StatusObject(service(ctx)?.status().await))
    }

    /// Whatever has this global id; null if nothing does.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global id.")] id: ID,
    ) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// Whatever has these global ids, in their order; null where nothing does.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        if ids.len() > MOST_NODES {
            let reason = format!("{} are more than {MOST_NODES}", ids.len());
            return Err(Error::bad_input("ids", reason).into());
        }
        let found = ids.iter().map(async |id| find(ctx, id).await.transpose());
        Ok(join_all(found).await)
    }
}
