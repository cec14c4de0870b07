//! A stock and what hangs on it.

use async_graphql::{Context, ID, Object, Result};
use entity::Stock;
use store::price::Recorded;

use super::{
    alert::AlertObject,
    candle::CandleObject,
    connection::{AlertConnection, PriceConnection},
    kind::CandleInterval,
    loader::{AlertsOf, CandlesOf, HistoryOf, LatestPriceOf, RulesOf, batches},
    node::{Kind, global_id},
    price::PriceObject,
    row::{Rows, columns},
    rule::RuleObject,
    scalar::{Cursor, DateTime, Symbol},
    service,
};
use crate::service::{GRAPHQL, PageArgs, candle_range};

/// A stock that is or was tracked.
#[derive(Clone)]
pub(crate) struct StockObject(pub Stock);

/// A stock that is or was tracked. It keeps its id for ever.
#[Object(name = "Stock")]
impl StockObject {
    /// The stock's global id.
    pub(super) async fn id(&self) -> ID {
        global_id(Kind::Stock, self.0.id)
    }

    /// The ticker.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The company's name, if anybody said it.
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The currency of its prices, as ISO 4217 writes it, if known.
    fn currency(&self) -> Option<&str> {
        self.0.currency.as_deref()
    }

    /// Where it trades, if known.
    fn exchange(&self) -> Option<&str> {
        self.0.exchange.as_deref()
    }

    /// Whether it is polled.
    fn tracked(&self) -> bool {
        self.0.tracked
    }

    /// Whether no provider has answered for three intervals while its market is open.
    async fn stale(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(service(ctx)?.staleness().await?.of(&self.0))
    }

    /// The latest price; null until there is one.
    async fn latest_price(&self, ctx: &Context<'_>) -> Option<Result<PriceObject>> {
        let price = async { Ok(batches(ctx)?.load_one(LatestPriceOf(self.0.id)).await?) };
        price.await.transpose().map(|price| price.map(PriceObject))
    }

    /// Its prices, newest first.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn history(
        &self,
        ctx: &Context<'_>,
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
        let args = page_args(first, after, last, before);
        let recorded = Recorded {
            from: from.map(|at| at.0),
            to: to.map(|at| at.0),
        };
        let page = match args.first_page(GRAPHQL)? {
            // Cursors lie in one stock's list; without them many stocks' pages are read at once.
            None => {
                service(ctx)?
                    .history(&self.0, recorded, &args, GRAPHQL)
                    .await?
            }
            Some(first) => {
                let key = HistoryOf {
                    stock: self.0.id,
                    recorded,
                    first,
                };
                batches(ctx)?.load_one(key).await?.unwrap_or_default()
            }
        };
        Ok(PriceConnection {
            page: page.map(PriceObject),
        })
    }

    /// Its newest candles of a range, the oldest first.
    async fn candles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How long they are.")] interval: CandleInterval,
        #[graphql(desc = "Only candles that start at this instant or later.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "Only candles that start before this instant.")] to: Option<DateTime>,
        #[graphql(desc = "How many, the newest of the range: 0 to 1000, 200 if not given.")]
        first: Option<i32>,
    ) -> Result<Rows<'static, CandleObject>> {
        let range = candle_range(
            interval.into(),
            from.map(|at| at.0),
            to.map(|at| at.0),
            first,
        )?;
        let stock = self.0.id;
        let candles = batches(ctx)?.load_one(CandlesOf { stock, range }).await?;
        Ok(candles.into_iter().flatten().map(CandleObject).collect())
    }

    /// Its alerts, newest first.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
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
        let args = page_args(first, after, last, before);
        let page = match args.first_page(GRAPHQL)? {
            None => {
                let stock = Some(&self.0);
                service(ctx)?
                    .alerts(stock, Recorded::default(), &args, GRAPHQL)
                    .await?
            }
            Some(first) => {
                let key = AlertsOf {
                    stock: self.0.id,
                    first,
                };
                batches(ctx)?.load_one(key).await?.unwrap_or_default()
            }
        };
        Ok(AlertConnection {
            page: page.map(AlertObject),
            total: Some(self.0.alert_count),
        })
    }

    /// The rules that watch it, those for all symbols included.
    async fn alert_rules(&self, ctx: &Context<'_>) -> Result<Rows<'static, RuleObject>> {
        let rules = batches(ctx)?.load_one(RulesOf(self.0.id)).await?;
        Ok(rules.into_iter().flatten().map(RuleObject).collect())
    }
}

columns!(StockObject {
    id = |stock: &Self, _| global_id(Kind::Stock, stock.0.id),
    symbol, name, currency, exchange, tracked,
});

/// The arguments that every list has.
pub(super) fn page_args(
    first: Option<i32>,
    after: Option<Cursor>,
    last: Option<i32>,
    before: Option<Cursor>,
) -> PageArgs {
    PageArgs {
        first,
        after: after.map(|it| it.0),
        last,
        before: before.map(|it| it.0),
        list: None,
    }
}
