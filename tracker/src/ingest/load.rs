//! What is stored already, read under the feed's lock.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use entity::{
    Alert, Decimal, Price, Split, Stock, Symbol,
    table::{alert, alert_rule, held_price, provider},
};
use market::Market;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
};
use store::{candle, feed::FeedTransaction, held, price, split, stock};

use crate::{quote::Quote, reference::trading_day_before};

/// The stocks that a poll answered for, with their newest prices.
pub(super) struct Known {
    /// The tracked ones, by symbol.
    pub(super) stocks: HashMap<Symbol, Stock>,
    /// Their newest prices, by stock.
    pub(super) newest: HashMap<i64, Price>,
    /// The default rule, if it is enabled.
    pub(super) rule: Option<alert_rule::Model>,
    /// Splits that may lie between a quote and the close before it, by stock.
    pub(super) splits: HashMap<i64, Vec<Split>>,
    /// The stocks with held prices.
    pub(super) held: HashSet<i64>,
    /// The last stored close of an earlier day, and that day, by stock.
    pub(super) closes: HashMap<i64, (NaiveDate, Decimal)>,
}

impl Known {
    /// Reads what is known of the symbols of `quotes` and of `unquoted` ones; nothing of those that are not tracked.
    pub(super) async fn load<'a>(
        feed: &FeedTransaction,
        quotes: &'a [Quote],
        unquoted: impl IntoIterator<Item = &'a Symbol>,
    ) -> Result<Self, DbErr> {
        let symbols = quotes.iter().map(|quote| &quote.symbol);
        let symbols: BTreeSet<&Symbol> = symbols.chain(unquoted).collect();
        let connection = feed.connection();
        let stocks: HashMap<Symbol, Stock> = stock::tracked(connection, symbols)
            .await?
            .into_iter()
            .map(|stock| (stock.symbol.clone(), stock))
            .collect();
        let ids: Vec<i64> = stocks.values().map(|stock| stock.id).collect();
        let newest = price::latest(connection, &ids)
            .await?
            .into_iter()
            .map(|price| (price.stock_id, price))
            .collect();
        let held = held::stocks(connection).await?.into_iter();
        let mut known = Self {
            stocks,
            newest,
            rule: default_rule(feed).await?,
            splits: HashMap::new(),
            held: held.map(|stock| stock.stock_id).collect(),
            closes: HashMap::new(),
        };
        known.load_closes(feed, quotes).await?;
        Ok(known)
    }

    /// Reads splits, and the closes that they are applied to.
    async fn load_closes(&mut self, feed: &FeedTransaction, quotes: &[Quote]) -> Result<(), DbErr> {
        let known = quotes
            .iter()
            .filter_map(|quote| Some((quote, self.stocks.get(&quote.symbol)?.id)));
        let days: HashMap<i64, NaiveDate> = known
            .clone()
            .map(|(quote, id)| (id, quote.trading_day))
            .collect();
        let markets: HashMap<i64, Market> = known
            .map(|(quote, id)| (id, Market::of(&quote.symbol)))
            .collect();
        for (id, day) in &days {
            let newest = self.newest.get(id);
            if let Some(newest) = newest.filter(|newest| newest.trading_day < *day) {
                self.closes.insert(*id, (newest.trading_day, newest.price));
            }
        }
        let stored = self.closes.values().map(|(day, _)| *day);
        let calendar = days.values().map(|day| trading_day_before(*day));
        let (Some(after), Some(until)) = (stored.chain(calendar).min(), days.values().max()) else {
            return Ok(());
        };
        let ids: Vec<i64> = days.keys().copied().collect();
        self.splits = split::between(feed.connection(), &ids, after, *until).await?;
        // A price of a running day is compared with the stored close of the day before only if a split is in question.
        let running: Vec<(i64, entity::Timestamp)> = days
            .iter()
            .filter(|(id, _)| !self.closes.contains_key(id))
            .filter(|(id, _)| self.splits.contains_key(id) || self.held.contains(id))
            .filter_map(|(id, day)| Some((*id, markets.get(id)?.session(*day).start)))
            .collect();
        for (id, start, close) in candle::closes_before(feed.connection(), &running).await? {
            if let Some(market) = markets.get(&id) {
                self.closes.insert(id, (market.day_of(start), close));
            }
        }
        Ok(())
    }
}

/// The default rule, if it is enabled.
pub(super) async fn default_rule(
    feed: &FeedTransaction,
) -> Result<Option<alert_rule::Model>, DbErr> {
    alert_rule::Entity::find()
        .filter(alert_rule::Column::IsDefault.eq(true))
        .filter(alert_rule::Column::Enabled.eq(true))
        .one(feed.connection())
        .await
}

/// The splits of a stock that may lie between its held prices and the closes before them.
pub(super) async fn splits_of(
    feed: &FeedTransaction,
    stock_id: i64,
    prices: &[held_price::Model],
) -> Result<Vec<Split>, DbErr> {
    let calendar = prices
        .iter()
        .map(|price| trading_day_before(price.trading_day));
    let stored = prices.iter().filter_map(|price| price.close_day);
    let last = prices.iter().map(|price| price.trading_day).max();
    let (Some(after), Some(until)) = (calendar.chain(stored).min(), last) else {
        return Ok(Vec::new());
    };
    let mut splits = split::between(feed.connection(), &[stock_id], after, until).await?;
    Ok(splits.remove(&stock_id).unwrap_or_default())
}

impl Known {
    /// The tracked ones among `symbols`, as they were loaded.
    pub(super) fn of<'a>(&self, symbols: impl IntoIterator<Item = &'a Symbol>) -> Vec<Stock> {
        let known = |symbol| self.stocks.get(symbol).cloned();
        symbols.into_iter().filter_map(known).collect()
    }
}

/// The position that is stored of a replay.
pub(super) async fn position(
    feed: &FeedTransaction,
    provider: &str,
) -> Result<Option<String>, DbErr> {
    let row = provider::Entity::find_by_id(provider).one(feed.connection());
    Ok(row.await?.and_then(|row| row.position))
}

/// The highest multiple that a rule fired for a price's stock and day in an alert's direction.
pub(super) async fn highest_fired(
    feed: &FeedTransaction,
    alert: &Alert,
) -> Result<Option<entity::Decimal>, DbErr> {
    #[derive(FromQueryResult)]
    struct Fired {
        threshold: entity::Decimal,
    }
    let fired = alert::Entity::find()
        .select_only()
        .column(alert::Column::Threshold)
        .filter(alert::Column::RuleId.eq(alert.rule_id))
        .filter(alert::Column::StockId.eq(alert.stock_id))
        .filter(alert::Column::TradingDay.eq(alert.trading_day))
        .filter(alert::Column::Direction.eq(alert.direction))
        .order_by_desc(alert::Column::Threshold)
        .limit(1)
        .into_model::<Fired>()
        .one(feed.connection())
        .await?;
    Ok(fired.map(|fired| fired.threshold))
}
