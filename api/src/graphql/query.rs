//! The root of all queries.

use async_graphql::{Context, ID, Object, Result};
use futures_util::future::join_all;
use ref_cast::RefCast;
use store::{alert::AlertFilter, price::Recorded, stock::StockKey};

use super::{
    argument::{candle_range, page_args, recorded},
    context::{Admin, SearchReport, service},
    enums::CandleInterval,
    mutation::CreateAlertRuleInput,
    object::{
        AlertConnection, AlertCount, AlertObject, CandleObject, Node, PriceConnection, PriceObject,
        RuleObject, RuleTestObject, StatusObject, StockConnection, StockObject, SymbolMatchObject,
        WebhookObject, candle_arguments, find, history_arguments, page_arguments, write_alerts,
        write_candles, write_prices,
    },
    plan::{
        Arguments, Compiler, ConnectionPlan, Planned, Reader, SelectedField, Unplanned, Writer,
    },
    scalar::{Cursor, DateTime, Symbol},
};
use crate::service::{Error, GRAPHQL, PageArgs};

/// The maximum number of IDs that `nodes` accepts.
const MAX_NODES: usize = 100;

/// The query root.
pub(crate) struct Query;

/// The root of all queries.
#[Object]
impl Query {
    /// Looks up a stock by its ticker symbol, including stocks that are no longer tracked. Null if
    /// the stock was never tracked.
    async fn stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker symbol, in any case.")] symbol: Symbol,
    ) -> Result<Option<StockObject>> {
        Ok(service(ctx)?.stock(&symbol.0).map(StockObject))
    }

    /// Lists the tracked stocks, ordered by symbol.
    async fn stocks(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns the first _n_ items of the list, or the first _n_ after `after`: 0 to 500, 50 by default. Cannot be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(desc = "Returns the stocks that follow this cursor in the list.")] after: Option<
            Cursor,
        >,
        #[graphql(
            desc = "Returns the last _n_ items of the list, or the last _n_ before `before`: 0 to 500, in the order of the list. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(desc = "Returns the stocks that precede this cursor in the list.")]
        before: Option<Cursor>,
        #[graphql(
            desc = "Includes only stocks whose symbol or name contains this text, ignoring case."
        )]
        search: Option<String>,
    ) -> Result<StockConnection> {
        let args = page_args(first, after, last, before);
        let page = service(ctx)?.stocks(search.as_deref(), &args, GRAPHQL)?;
        Ok(StockConnection {
            page: page.map(StockObject),
            search,
        })
    }

    /// Lists the recorded prices of a stock, newest first.
    #[expect(clippy::too_many_arguments, reason = "they are the field's arguments")]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker symbol, in any case.")] symbol: Symbol,
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
        let service = service(ctx)?;
        let stock = service.known_stock(&symbol.0)?;
        let args = page_args(first, after, last, before);
        let recorded = recorded(from, to);
        let page = service.history(stock.id, recorded, &args, GRAPHQL).await?;
        Ok(PriceConnection {
            page: page.map(PriceObject),
        })
    }

    /// Returns the newest candles of a stock within a time range, in chronological order.
    async fn candles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ticker symbol, in any case.")] symbol: Symbol,
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
        let service = service(ctx)?;
        let stock = service.known_stock(&symbol.0)?.id;
        let range = candle_range(interval, from, to, first)?;
        let candles = service.candles(&[stock], range).await?.remove(&stock);
        Ok(candles.into_iter().flatten().map(CandleObject).collect())
    }

    /// Lists the alerts of one stock or of all stocks, newest first.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Includes only alerts of the stock with this ticker symbol. Defaults to all stocks."
        )]
        symbol: Option<Symbol>,
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
        let service = service(ctx)?;
        let stock = match symbol {
            Some(symbol) => Some(service.known_stock(&symbol.0)?),
            None => None,
        };
        let args = page_args(first, after, last, before);
        let (filter, count) = match stock {
            Some(stock) => (
                AlertFilter::Stock(stock.id),
                AlertCount::Known(stock.alert_count),
            ),
            None => (AlertFilter::All, AlertCount::OfAll),
        };
        let page = service
            .alerts(filter, Recorded::default(), &args, GRAPHQL)
            .await?;
        Ok(AlertConnection {
            page: page.map(AlertObject),
            count,
        })
    }

    /// Lists the alert rules. The default rule is the first.
    async fn alert_rules(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Includes only rules that apply to the stock with this ticker symbol. Defaults to all rules."
        )]
        symbol: Option<Symbol>,
    ) -> Result<Vec<RuleObject>> {
        let service = service(ctx)?;
        let stock = match symbol {
            Some(symbol) => Some(service.known_stock(&symbol.0)?.id),
            None => None,
        };
        Ok(service.rules(stock).into_iter().map(RuleObject).collect())
    }

    /// Evaluates an alert rule over stored prices, as if it had existed from `from` on. For days
    /// before the first price, daily candles are evaluated. Stores nothing.
    async fn test_alert_rule(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The rule. It may have expired.")] input: CreateAlertRuleInput,
        #[graphql(
            desc = "Evaluates only prices recorded at or after this time. Defaults to all stored prices, at most 1,000,000."
        )]
        from: Option<DateTime>,
        #[graphql(desc = "Evaluates only prices recorded before this time.")] to: Option<DateTime>,
    ) -> Result<RuleTestObject> {
        let test = service(ctx)?.test_rule(input.into(), recorded(from, to));
        Ok(RuleTestObject(test.await?))
    }

    /// Searches for ticker symbols by symbol or name: first among the tracked stocks, then at the
    /// providers that can search. Returns at most 50 symbols: the tracked ones first, then the best
    /// matches of each provider. The matches of a provider are cached, for a day by default, and it
    /// is sent 5 searches a minute by default, within the requests that its budget reserves.
    ///
    /// If symbols of a provider may be missing, `extensions.search.skipped` has an object with its
    /// name, `provider`, and the `reason`. `provider` is null if the search did not reach the
    /// tracker, such as when no tracker is active; stored matches are returned then.
    ///
    /// Fails with `BAD_USER_INPUT` if `query` has no or more than 64 characters.
    async fn search_symbols(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A part of the symbol or of the name, 1 to 64 characters, ignoring case."
        )]
        query: String,
    ) -> Result<Vec<SymbolMatchObject>> {
        let search = service(ctx)?.search_symbols(&query).await?;
        SearchReport::add(ctx, search.skipped);
        Ok(search.matches.into_iter().map(SymbolMatchObject).collect())
    }

    /// Lists the webhooks, by creation. Requires the admin token.
    #[graphql(guard = "Admin")]
    async fn webhooks(&self, ctx: &Context<'_>) -> Result<Vec<WebhookObject>> {
        let webhooks = service(ctx)?.webhooks().await?;
        Ok(webhooks.into_iter().map(WebhookObject).collect())
    }

    /// The state of the server, its database, its feed, its providers and the market.
    async fn status(&self, ctx: &Context<'_>) -> Result<StatusObject> {
        Ok(StatusObject(service(ctx)?.status().await))
    }

    /// Looks up an object by its global ID. Null if no object has the ID.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ID of the object.")] id: ID,
    ) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// Looks up objects by their global IDs. Returns one element for each of `ids`, in the same
    /// order; the element is null if no object has the ID.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global IDs of the objects, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        if ids.len() > MAX_NODES {
            let reason = format!("{} IDs, but at most {MAX_NODES} are allowed", ids.len());
            return Err(Error::bad_input("ids", reason).into());
        }
        let found = ids.iter().map(async |id| find(ctx, id).await.transpose());
        Ok(join_all(found).await)
    }
}

impl Planned for Query {
    const NAME: &'static str = "Query";

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        Some(match field.name() {
            "stock" => {
                let plan = compiler.object::<StockObject>(field)?;
                let symbol = Arguments::new(field, compiler, symbol)?;
                Box::new(move |_, run, out| {
                    let stock = run.board().stock(&*symbol.get(run)?);
                    plan.write_nullable(stock.map(StockObject::ref_cast), run, out)
                })
            }
            "stocks" => {
                let plan = ConnectionPlan::<StockObject>::new(field, compiler)?;
                let arguments = Arguments::new(field, compiler, stocks_arguments)?;
                Box::new(move |_, run, out| {
                    let (search, args) = &*arguments.get(run)?;
                    let (search, board) = (search.as_deref(), run.board());
                    let span = args.stock_span(GRAPHQL, StockKey).map_err(|_| Unplanned)?;
                    let page = board.stocks(search, &span).map(StockObject::ref_cast);
                    let count = || i64::try_from(board.stock_count(search)).ok();
                    plan.write(Some(page), count, run, out)
                })
            }
            "history" => {
                let plan = ConnectionPlan::<PriceObject>::new(field, compiler)?;
                let symbol = Arguments::new(field, compiler, symbol)?;
                let arguments = Arguments::new(field, compiler, history_arguments)?;
                Box::new(move |_, run, out| {
                    let stock = run.board().stock(&*symbol.get(run)?).ok_or(Unplanned)?;
                    let (recorded, args) = &*arguments.get(run)?;
                    let page = run.history(stock.id, *recorded, args)?;
                    write_prices(&plan, page, run, out)
                })
            }
            "candles" => {
                let plan = compiler.object::<CandleObject>(field)?;
                let symbol = Arguments::new(field, compiler, symbol)?;
                let arguments = Arguments::new(field, compiler, candle_arguments)?;
                Box::new(move |_, run, out| {
                    let stock = run.board().stock(&*symbol.get(run)?).ok_or(Unplanned)?;
                    let candles = run.candles(stock.id, *arguments.get(run)?);
                    write_candles(&plan, candles, run, out)
                })
            }
            "alerts" => {
                let plan = ConnectionPlan::<AlertObject>::new(field, compiler)?;
                let symbol = Arguments::new(field, compiler, optional_symbol)?;
                let arguments = Arguments::new(field, compiler, page_arguments)?;
                Box::new(move |_, run, out| {
                    let (filter, count) = match &*symbol.get(run)? {
                        None => (AlertFilter::All, AlertCount::OfAll),
                        Some(symbol) => {
                            let stock = run.board().stock(symbol).ok_or(Unplanned)?;
                            let count = AlertCount::Known(stock.alert_count);
                            (AlertFilter::Stock(stock.id), count)
                        }
                    };
                    let page = run.alerts(filter, &*arguments.get(run)?)?;
                    write_alerts(&plan, page, count, run, out)
                })
            }
            "alertRules" => {
                let plan = compiler.object::<RuleObject>(field)?;
                let symbol = Arguments::new(field, compiler, optional_symbol)?;
                Box::new(move |_, run, out| {
                    let stock = match &*symbol.get(run)? {
                        None => None,
                        Some(symbol) => Some(run.board().stock(symbol).ok_or(Unplanned)?.id),
                    };
                    let rules = run.board().rules(stock);
                    plan.write_list(rules.into_iter().map(RuleObject::ref_cast), run, out)
                })
            }
            _ => return None,
        })
    }
}

fn symbol(reader: &Reader<'_>) -> Result<entity::Symbol, Unplanned> {
    Ok(reader.get::<Symbol>("symbol")?.0)
}

fn optional_symbol(reader: &Reader<'_>) -> Result<Option<entity::Symbol>, Unplanned> {
    Ok(reader
        .get::<Option<Symbol>>("symbol")?
        .map(|symbol| symbol.0))
}

/// The text to search for, and the page.
fn stocks_arguments(reader: &Reader<'_>) -> Result<(Option<String>, PageArgs), Unplanned> {
    Ok((reader.get("search")?, page_arguments(reader)?))
}
