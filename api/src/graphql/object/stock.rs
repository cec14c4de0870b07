//! The GraphQL type `Stock`, with its prices, candles, alerts and alert rules.

use async_graphql::{Context, ID, Object, Result};
use entity::Stock;
use ref_cast::RefCast;
use store::alert::AlertFilter;

use super::{
    alert::AlertObject,
    candle::{CandleObject, candle_arguments, write_candles},
    connection::{AlertConnection, AlertCount, PriceConnection, history_arguments, write_prices},
    node::{NodeKind, global_id},
    price::PriceObject,
    rule::RuleObject,
};
use crate::graphql::{
    argument::{candle_range, page_args, recorded},
    context::{batcher, service},
    enums::{CandleInterval, Freshness, Market},
    loader::{self, CandlesOf},
    plan::{
        Arguments, ColumnValue, Compiler, ConnectionPlan, Planned, SelectedField, Unplanned,
        Writer, columns,
    },
    scalar::{Cursor, DateTime, Symbol},
};
use crate::service::{Condition, Error};

/// The GraphQL type `Stock`.
#[derive(Clone, RefCast)]
#[repr(transparent)]
pub(crate) struct StockObject(pub Stock);

impl StockObject {
    /// Returns the stock that a price or an alert belongs to.
    pub(super) fn by_id(ctx: &Context<'_>, id: i64) -> Result<Self> {
        let stock = service(ctx)?.stock_by_id(id);
        let missing = || Error::NotFound("the stock no longer exists".to_owned());
        Ok(Self(stock.ok_or_else(missing)?))
    }

    /// Compiles a field whose value is the stock with the id that `id_of` returns.
    pub(super) fn of<T: 'static>(
        field: &SelectedField<'_>,
        compiler: &Compiler<'_>,
        id_of: fn(&T) -> i64,
    ) -> Option<Writer<T>> {
        let plan = compiler.object::<Self>(field)?;
        Some(Box::new(move |row, run, out| {
            let stock = run.board().stock_by_id(id_of(row)).ok_or(Unplanned)?;
            plan.write(Self::ref_cast(stock), run, out)
        }))
    }
}

/// A stock that is or was tracked. Its ID never changes.
#[Object(name = "Stock")]
impl StockObject {
    /// The global ID of the stock.
    pub(super) async fn id(&self) -> ID {
        global_id(NodeKind::Stock, self.0.id)
    }

    /// The ticker symbol of the stock.
    fn symbol(&self) -> Symbol {
        Symbol(self.0.symbol.clone())
    }

    /// The name of the company, if known.
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The ISO 4217 code of the currency that the stock is priced in, if known.
    fn currency(&self) -> Option<&str> {
        self.0.currency.as_deref()
    }

    /// The exchange that the stock is listed on, if known.
    fn exchange(&self) -> Option<&str> {
        self.0.exchange.as_deref()
    }

    /// Whether the stock is tracked, that is, whether providers are polled for its price.
    fn tracked(&self) -> bool {
        self.0.tracked
    }

    /// The market that determines the trading sessions of the stock.
    fn market(&self) -> Market {
        market::Market::of(&self.0.symbol).into()
    }

    /// Whether the latest price may be out of date. `note` contains the reason. A stock is stale if
    /// it has no price, or if its latest price is more than one session behind (in a replay, more
    /// than two trading days). It is also stale if no provider has sent a price for three polling
    /// intervals while the market was open, or if the last three answers of providers had no
    /// price. While the database is unavailable, every stock is stale.
    async fn stale(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(service(ctx)?.condition(&self.0).await?.is_stale())
    }

    /// The age of the latest price, in trading sessions of its market. In a replay, in trading days
    /// of the replay.
    async fn freshness(&self, ctx: &Context<'_>) -> Result<Freshness> {
        Ok(service(ctx)?.condition(&self.0).await?.freshness.into())
    }

    /// The reason why the stock is stale, as readable text such as `the newest price is of
    /// 2022-10-27`. Null if the stock is not stale.
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let condition = service(ctx)?.condition(&self.0).await?;
        Ok(condition.cause.map(|cause| cause.to_string()))
    }

    /// The latest recorded price. Null if no price has been recorded yet.
    async fn latest_price(&self, ctx: &Context<'_>) -> Result<Option<PriceObject>> {
        Ok(service(ctx)?.latest_price(self.0.id).map(PriceObject))
    }

    /// Lists the recorded prices of the stock, newest first.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns the first _n_ items of the list, or the first _n_ after `after`: 0 to 500, 50 by default. Cannot be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Returns the prices that follow this cursor in the list, which are older."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "Returns the last _n_ items of the list, or the last _n_ before `before`: 0 to 500, in the order of the list. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Returns the prices that precede this cursor in the list, which are newer."
        )]
        before: Option<Cursor>,
        #[graphql(desc = "Includes only prices recorded at or after this time.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "Includes only prices recorded before this time.")] to: Option<DateTime>,
    ) -> Result<PriceConnection> {
        let args = page_args(first, after, last, before);
        let recorded = recorded(from, to);
        let page = loader::history(service(ctx)?, batcher(ctx)?, self.0.id, recorded, &args);
        Ok(PriceConnection {
            page: page.await?.map(PriceObject),
        })
    }

    /// Returns the newest candles of the stock within a time range, in chronological order.
    async fn candles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The interval that each candle covers.")] interval: CandleInterval,
        #[graphql(desc = "Includes only candles that start at or after this time.")] from: Option<
            DateTime,
        >,
        #[graphql(desc = "Includes only candles that start before this time.")] to: Option<
            DateTime,
        >,
        #[graphql(
            desc = "The number of candles to return, counted from the newest of the range: 0 to 1000, 200 by default."
        )]
        first: Option<i32>,
    ) -> Result<Vec<CandleObject>> {
        let range = candle_range(interval, from, to, first)?;
        let stock = self.0.id;
        let candles = batcher(ctx)?.load_one(CandlesOf { stock, range }).await?;
        Ok(candles.into_iter().flatten().map(CandleObject).collect())
    }

    /// Lists the alerts of the stock, newest first.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns the first _n_ items of the list, or the first _n_ after `after`: 0 to 500, 50 by default. Cannot be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Returns the alerts that follow this cursor in the list, which are older."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "Returns the last _n_ items of the list, or the last _n_ before `before`: 0 to 500, in the order of the list. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Returns the alerts that precede this cursor in the list, which are newer."
        )]
        before: Option<Cursor>,
    ) -> Result<AlertConnection> {
        let args = page_args(first, after, last, before);
        let filter = AlertFilter::Stock(self.0.id);
        let page = loader::alerts(service(ctx)?, batcher(ctx)?, filter, &args).await?;
        Ok(AlertConnection {
            page: page.map(AlertObject),
            count: AlertCount::Known(self.0.alert_count),
        })
    }

    /// The alert rules that apply to the stock, including rules for all stocks.
    async fn alert_rules(&self, ctx: &Context<'_>) -> Result<Vec<RuleObject>> {
        let rules = service(ctx)?.rules(Some(self.0.id));
        Ok(rules.into_iter().map(RuleObject).collect())
    }
}

columns!(StockObject, |stock, run| {
    id: global_id(NodeKind::Stock, stock.id),
    symbol: &stock.symbol,
    name: stock.name.as_deref(),
    currency: stock.currency.as_deref(),
    exchange: stock.exchange.as_deref(),
    tracked: stock.tracked,
    market: Market::from(market::Market::of(&stock.symbol)),
});

impl Planned for StockObject {
    const NAME: &'static str = "Stock";
    const INTERFACES: &'static [&'static str] = &["Node"];

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        Some(match field.name() {
            "stale" => condition(|condition, out| condition.is_stale().push_json(out)),
            "freshness" => condition(|condition, out| {
                Freshness::from(condition.freshness).push_json(out);
            }),
            "note" => condition(|condition, out| {
                condition
                    .cause
                    .map(|cause| cause.to_string())
                    .push_json(out);
            }),
            "latestPrice" => {
                let plan = compiler.object::<PriceObject>(field)?;
                Box::new(move |stock, run, out| {
                    let price = run.board().latest_price(stock.0.id);
                    plan.write_nullable(price.map(PriceObject::ref_cast), run, out)
                })
            }
            "history" => {
                let plan = ConnectionPlan::<PriceObject>::new(field, compiler)?;
                let arguments = Arguments::new(field, compiler, history_arguments)?;
                Box::new(move |stock, run, out| {
                    let (recorded, args) = &*arguments.get(run)?;
                    let page = run.history(stock.0.id, *recorded, args)?;
                    write_prices(&plan, page, run, out)
                })
            }
            "candles" => {
                let plan = compiler.object::<CandleObject>(field)?;
                let arguments = Arguments::new(field, compiler, candle_arguments)?;
                Box::new(move |stock, run, out| {
                    let candles = run.candles(stock.0.id, *arguments.get(run)?);
                    write_candles(&plan, candles, run, out)
                })
            }
            "alerts" => AlertConnection::planned(field, compiler, |stock: &Self| {
                let count = AlertCount::Known(stock.0.alert_count);
                (AlertFilter::Stock(stock.0.id), count)
            })?,
            "alertRules" => {
                let plan = compiler.object::<RuleObject>(field)?;
                Box::new(move |stock, run, out| {
                    let rules = run.board().rules(Some(stock.0.id));
                    plan.write_list(rules.into_iter().map(RuleObject::ref_cast), run, out)
                })
            }
            name => return Self::column(name),
        })
    }
}

/// Writes a field that depends on the condition of the stock.
fn condition(
    write: impl Fn(Condition, &mut Vec<u8>) + Send + Sync + 'static,
) -> Writer<StockObject> {
    Box::new(move |stock, run, out| {
        if let Some(condition) = run.condition(&stock.0) {
            write(condition, out);
        }
        Ok(())
    })
}
