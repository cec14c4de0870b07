//! Evaluates the rules of users for the prices of a transaction.
//!
//! The index of rules stays in memory between transactions. It is taken out at the start of a
//! transaction, brought up to the feed's position, and put back after the commit. After a failure
//! it is loaded again from the database, so that it never has more than what was committed.

mod changes;
mod load;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use alerting::{AverageVolume, Firing, LOADED_WINDOW, RuleIndex, Sample};
use entity::{Alert, AlertRule, CandleInterval, Event, Price};
use market::Market;
use parking_lot::Mutex;
use store::{
    candle::{self, CandleRange},
    feed::FeedTransaction,
    held_price,
    price::{self, PriceKey},
    rule, split,
};

use self::changes::Changes;

/// The index between transactions.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedRules(Arc<Mutex<Option<LiveRules>>>);

/// The index of rules at a position of the feed.
#[derive(Debug)]
pub(super) struct LiveRules {
    index: RuleIndex,
    seq: i64,
    /// The stocks whose splits and newest price are loaded.
    loaded: HashSet<i64>,
    /// The rules for all stocks.
    shared: HashSet<i64>,
    /// The stocks with held prices.
    held: HashSet<i64>,
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

impl SharedRules {
    /// Takes the index out and brings it up to the start of a transaction.
    pub(super) async fn take(&self, feed: &mut FeedTransaction) -> Result<LiveRules, store::Error> {
        let mut kept = self.0.lock().take();
        let mut events = None;
        if let Some(rules) = &kept
            && rules.has_held_prices(feed).await?
        {
            events = feed.events_after(rules.seq).await?;
        }
        // The prices of another tracker changed states, which only the database has.
        let events = events.filter(|events| {
            let mut events = events.iter();
            !events.any(|event| matches!(event, Event::QuoteRecorded { .. }))
        });
        let (Some(mut rules), Some(events)) = (kept.take(), events) else {
            return LiveRules::load(feed).await;
        };
        for event in events {
            rules.apply(feed, event).await?;
        }
        Ok(rules)
    }

    /// Puts the index back after the commit of a transaction that ended at `seq`.
    pub(super) fn put(&self, rules: LiveRules, seq: i64) {
        *self.0.lock() = Some(LiveRules { seq, ..rules });
    }
}

impl LiveRules {
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
            Event::RuleChanged { rule, .. } if rule.is_default => {}
            Event::RuleChanged { rule, .. } if rule.deleted => {
                self.index.remove_rule(rule.id);
                self.shared.remove(&rule.id);
                self.changes.forget(rule.id, false);
            }
            Event::RuleChanged { seq, rule } => {
                // What the rule was before does not replace the change.
                self.changes.forget(rule.id, seq != rule.start_seq);
                self.set_rule(feed, &rule).await?;
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

    async fn set_rule(
        &mut self,
        feed: &FeedTransaction,
        rule: &AlertRule,
    ) -> Result<(), store::Error> {
        match rule.stock_id {
            Some(stock) => self.load_stock(feed, stock).await?,
            None => {
                self.shared.insert(rule.id);
            }
        }
        self.index.set_rule(rule.into());
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

    /// Evaluates a price that is stored in this transaction, or released. Returns the alerts, whose
    /// ids are not assigned yet.
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
            if self.shared.is_empty() {
                return Ok(Vec::new());
            }
            self.load_stock(feed, stock).await?;
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
        if self.index.needs_volume(stock) {
            sample.average_volume = average_volume(feed, price).await?;
        }
        let evaluation = self.index.evaluate(&sample);
        self.changes.add(stock, &evaluation);
        alerts(feed, price, &evaluation.firings).await
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

/// Converts firings to alerts of a price.
async fn alerts(
    feed: &mut FeedTransaction,
    price: &Price,
    firings: &[Firing],
) -> Result<Vec<Alert>, store::Error> {
    if firings.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = firings.iter().map(|firing| firing.rule).collect();
    let rules = rule::by_ids(feed.connection(), &ids).await?;
    let rules: HashMap<i64, AlertRule> = rules.into_iter().map(|rule| (rule.id, rule)).collect();
    let now = feed.recorded_at();
    let mut alerts = Vec::new();
    for firing in firings {
        let Some(rule) = rules.get(&firing.rule) else {
            continue;
        };
        alerts.push(Alert {
            id: 0,
            stock_id: price.stock_id,
            symbol: price.symbol.clone(),
            seq: feed.next_seq(),
            rule_id: Some(rule.id),
            kind: rule.kind,
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
            rule_name: rule.name.clone(),
            touched: firing.touched,
        });
    }
    Ok(alerts)
}

/// The average volume of the sessions before that of a price, in the shares of its trading day.
async fn average_volume(
    feed: &FeedTransaction,
    price: &Price,
) -> Result<Option<AverageVolume>, store::Error> {
    let market = Market::of(&price.symbol);
    let range = CandleRange {
        interval: CandleInterval::OneDay,
        from: None,
        to: Some(market.session(price.trading_day).start),
        limit: AverageVolume::SESSIONS,
    };
    let stock = price.stock_id;
    let mut candles = candle::newest(feed.connection(), &[stock], range).await?;
    let candles = candles.remove(&stock).unwrap_or_default().rows;
    let splits = split::all(feed.connection(), stock).await?;
    let volumes = candles
        .iter()
        .map(|candle| (market.day_of(candle.start), candle.volume));
    Ok(AverageVolume::of(volumes, &splits, price.trading_day))
}
