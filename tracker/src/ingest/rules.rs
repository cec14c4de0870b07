//! Evaluates the rules of users for the prices of a transaction.
//!
//! The index of rules is [cached](Cached) between transactions. At the start of a transaction it is
//! brought up to the feed's position.

mod changes;
mod load;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use alerting::{AverageVolume, Firing, LOADED_WINDOW, RuleIndex, Sample};
use chrono::NaiveDate;
use entity::{Alert, AlertRule, CandleInterval, Decimal, Event, Price, Timestamp};
use market::Market;
use store::{
    candle::{self, CandleRange},
    feed::FeedTransaction,
    held_price,
    price::{self, PriceKey},
    rule, split,
};

use self::changes::Changes;
use super::cached::Cached;

/// The index of rules at a position of the feed.
#[derive(Debug)]
pub(super) struct LiveRules {
    index: RuleIndex,
    /// The stocks whose splits and newest price are loaded.
    loaded: HashSet<i64>,
    /// The rules for all stocks.
    shared: HashSet<i64>,
    /// The stocks with held prices.
    held: HashSet<i64>,
    /// The id and threshold of the default rule, if it is enabled.
    default_rule: Option<(i64, Decimal)>,
    /// The average volumes of the prices that are evaluated next, by stock.
    volumes: HashMap<i64, AverageVolume>,
    changes: Changes,
}

/// How a stored price is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Now.
    Evaluated,
    /// Never: it is too old.
    Ignored,
    /// When it is released.
    Held,
}

impl LiveRules {
    /// Takes the index out of `cached` and brings it up to the start of a transaction.
    pub(super) async fn take(
        cached: &Cached<Self>,
        feed: &FeedTransaction,
    ) -> Result<Self, store::Error> {
        let Some((mut rules, seq)) = cached.take(feed) else {
            return Self::load(feed).await;
        };
        if !rules.has_held_prices(feed).await? {
            return Self::load(feed).await;
        }
        // The prices of another tracker changed states, which only the database has.
        let is_price = |event: &Event| matches!(event, Event::QuoteRecorded { .. });
        match feed.events_after(seq).await? {
            Some(events) if !events.iter().any(is_price) => {
                for event in events {
                    rules.apply(feed, event).await?;
                }
                Ok(rules)
            }
            _ => Self::load(feed).await,
        }
    }

    /// Whether no other tracker released prices that were held when these rules were current.
    async fn has_held_prices(&self, feed: &FeedTransaction) -> Result<bool, store::Error> {
        if self.held.is_empty() {
            return Ok(true);
        }
        let held = held_price::stocks(feed.connection()).await?;
        let held: HashSet<i64> = held.into_iter().map(|stock| stock.stock_id).collect();
        Ok(self.held.is_subset(&held))
    }

    /// Applies an event of another transaction.
    async fn apply(&mut self, feed: &FeedTransaction, event: Event) -> Result<(), store::Error> {
        match event {
            Event::RuleChanged { rule, .. } if rule.is_default => {
                self.default_rule = rule.enabled.then_some((rule.id, rule.threshold));
            }
            Event::RuleChanged { rule, .. } if rule.deleted => {
                self.index.remove_rule(rule.id);
                self.shared.remove(&rule.id);
                self.changes.forget(rule.id, false);
            }
            Event::RuleChanged { seq, rule } => {
                // What the rule was before does not replace the change.
                self.changes.forget(rule.id, seq != rule.start_seq);
                self.load_stocks(feed, Vec::from_iter(rule.stock_id))
                    .await?;
                self.set_rule(&rule);
                self.catch_up(&rule, false);
            }
            Event::SplitsChanged { stock_id, .. } => self.splits_changed(feed, stock_id).await?,
            Event::QuoteRecorded { .. }
            | Event::AlertFired { .. }
            | Event::AlertChanged { .. }
            | Event::StockChanged { .. } => {}
        }
        Ok(())
    }

    /// Sets a rule, whose stock is loaded.
    fn set_rule(&mut self, rule: &AlertRule) {
        if rule.stock_id.is_none() {
            self.shared.insert(rule.id);
        }
        self.index.set_rule(rule.into());
    }

    /// The stocks with held prices.
    pub(super) fn held(&self) -> &HashSet<i64> {
        &self.held
    }

    /// The id and threshold of the default rule, if it is enabled.
    pub(super) fn default_rule(&self) -> Option<(i64, Decimal)> {
        self.default_rule
    }

    /// Loads what the next prices of these stocks are evaluated with, each with its market and
    /// trading day. All earlier prices are stored.
    pub(super) async fn prepare(
        &mut self,
        feed: &FeedTransaction,
        stocks: &BTreeMap<i64, (Market, NaiveDate)>,
    ) -> Result<(), store::Error> {
        if !self.shared.is_empty() {
            let stocks = stocks.keys().copied().collect();
            self.load_stocks(feed, stocks).await?;
        }
        self.volumes.clear();
        self.load_volumes(feed, stocks).await
    }

    /// Loads the average volumes that prices of these stocks are compared with.
    pub(super) async fn load_volumes(
        &mut self,
        feed: &FeedTransaction,
        stocks: &BTreeMap<i64, (Market, NaiveDate)>,
    ) -> Result<(), store::Error> {
        let mut spikes = stocks.clone();
        spikes.retain(|id, _| self.loaded.contains(id) && self.index.needs_volume(*id));
        self.volumes.extend(average_volumes(feed, &spikes).await?);
        Ok(())
    }

    /// Takes over the splits of a stock after they changed.
    pub(super) async fn splits_changed(
        &mut self,
        feed: &FeedTransaction,
        stock: i64,
    ) -> Result<(), store::Error> {
        if self.loaded.contains(&stock) {
            let splits = split::all(feed.connection(), stock).await?;
            let evaluation = self.index.set_splits(stock, splits);
            self.changes.add(stock, &evaluation);
        }
        Ok(())
    }

    /// Evaluates a [prepared](Self::prepare) price that is stored in this transaction, or released.
    /// Returns the alerts, whose ids and names are not assigned yet.
    pub(super) async fn evaluate(
        &mut self,
        feed: &mut FeedTransaction,
        price: &Price,
        judgement: Judgement,
    ) -> Result<Vec<Alert>, store::Error> {
        let stock = price.stock_id;
        if judgement == Judgement::Held {
            self.held.insert(stock);
            return Ok(Vec::new());
        }
        if !self.loaded.contains(&stock) {
            return Ok(Vec::new());
        }
        let mut sample = sample(price);
        if judgement == Judgement::Ignored {
            let evaluation = self.index.observe(&sample);
            self.changes.add(stock, &evaluation);
            return Ok(Vec::new());
        }
        if self.index.needs_window(stock) {
            let since = price.market_time.before(LOADED_WINDOW);
            let key = PriceKey::from(price);
            let before = price::window(feed.connection(), feed.now(), stock, key, since).await?;
            let before = before
                .iter()
                .map(|it| (it.market_time, it.price, it.trading_day));
            self.index.load_window(stock, before);
        }
        sample.average_volume = self.volumes.get(&stock).copied();
        let evaluation = self.index.evaluate(&sample);
        self.changes.add(stock, &evaluation);
        Ok(self.alerts(feed, price, &evaluation.firings))
    }

    /// Converts firings to alerts of a price.
    fn alerts(&self, feed: &mut FeedTransaction, price: &Price, firings: &[Firing]) -> Vec<Alert> {
        let now = feed.recorded_at();
        let alert = |firing: &Firing| {
            let rule = self.index.rule(price.stock_id, firing.rule)?;
            Some(Alert {
                id: 0,
                stock_id: price.stock_id,
                symbol: price.symbol.clone(),
                seq: feed.next_seq(),
                rule_id: Some(rule.id),
                kind: rule.condition.kind(),
                direction: firing.direction,
                price: price.price,
                reference_price: firing.reference,
                change_percent: firing.change_percent,
                threshold: firing.threshold,
                trading_day: price.trading_day,
                triggered_at: price.recorded_at,
                acknowledged_at: None,
                fired_at: (price.recorded_at != now).then_some(now),
                price_seq: Some(price.seq),
                rule_name: None,
                touched: firing.touched,
            })
        };
        firings.iter().filter_map(alert).collect()
    }

    /// Publishes the changes of rules since the last price after the price and its alerts.
    pub(super) fn end_price(&mut self, feed: &mut FeedTransaction) {
        self.changes.end_price(feed);
    }

    /// Sets the names of the rules that fired.
    pub(super) async fn name(
        &self,
        feed: &FeedTransaction,
        alerts: &mut [Alert],
    ) -> Result<(), store::Error> {
        let of_users = alerts.iter().filter(|alert| alert.price_seq.is_some());
        let ids: BTreeSet<i64> = of_users.filter_map(|alert| alert.rule_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = ids.into_iter().collect();
        let names = rule::names(feed.connection(), &ids).await?;
        for alert in alerts {
            if let Some(name) = alert.rule_id.and_then(|id| names.get(&id)) {
                alert.rule_name.clone_from(name);
            }
        }
        Ok(())
    }

    /// Stores what the evaluations changed, and publishes the rules that changed.
    pub(super) async fn store(&mut self, feed: &mut FeedTransaction) -> Result<(), store::Error> {
        std::mem::take(&mut self.changes).store(feed).await
    }

    /// Notes that no price of a stock is held any more.
    pub(super) fn released(&mut self, stock: i64) {
        self.held.remove(&stock);
    }

    /// Converts the level of a rule if its stored level lacks a split. If `is_loaded`, no tracker
    /// has seen the split, and a level that it makes true counts as fired.
    fn catch_up(&mut self, rule: &AlertRule, is_loaded: bool) {
        if let Some(stock) = rule.stock_id {
            let (id, level) = (rule.id, rule.threshold);
            let evaluation = self.index.catch_up(stock, id, level, is_loaded);
            self.changes.add(stock, &evaluation);
        }
    }
}

fn sample(price: &Price) -> Sample {
    let session = Market::of(&price.symbol).session(price.trading_day);
    Sample::new(price, session.start)
}

/// The average volumes of the sessions before the trading days of stocks, in the shares of those
/// days.
async fn average_volumes(
    feed: &FeedTransaction,
    stocks: &BTreeMap<i64, (Market, NaiveDate)>,
) -> Result<HashMap<i64, AverageVolume>, store::Error> {
    let mut volumes = HashMap::new();
    if stocks.is_empty() {
        return Ok(volumes);
    }
    let connection = feed.connection();
    let ids: Vec<i64> = stocks.keys().copied().collect();
    let splits = split::all_of(connection, &ids).await?;
    let mut by_start: BTreeMap<Timestamp, Vec<i64>> = BTreeMap::new();
    for (id, (market, day)) in stocks {
        let start = market.session(*day).start;
        by_start.entry(start).or_default().push(*id);
    }
    for (start, ids) in by_start {
        let range = CandleRange {
            interval: CandleInterval::OneDay,
            from: None,
            to: Some(start),
            limit: AverageVolume::SESSIONS,
        };
        for (id, candles) in candle::newest(connection, &ids, range).await? {
            let Some((market, day)) = stocks.get(&id) else {
                continue;
            };
            let sessions = candles.rows.iter();
            let sessions = sessions.map(|it| (market.day_of(it.start), it.volume));
            let splits = splits.get(&id).map_or(&[][..], Vec::as_slice);
            if let Some(volume) = AverageVolume::of(sessions, splits, *day) {
                volumes.insert(id, volume);
            }
        }
    }
    Ok(volumes)
}
