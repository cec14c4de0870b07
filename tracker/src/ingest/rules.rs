//! Evaluates the rules of users for the prices of a transaction.
//!
//! The index of rules stays in memory between transactions. It is taken out at the start of a
//! transaction, brought up to the feed's position, and put back after the commit. After a failure it
//! is loaded again from the database, so that it never has more than what was committed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use alerting::{AverageVolume, Evaluation, Firing, Reference, RuleIndex, Sample, State};
use chrono::NaiveDate;
use entity::{
    Alert, AlertRule, CandleInterval, Event, Price, Split,
    table::{rule_reference, rule_state},
};
use market::Market;
use parking_lot::Mutex;
use store::{
    candle::{self, CandleRange},
    feed::FeedTransaction,
    held_price,
    price::{self, PriceKey},
    rule::{self, RuleChange},
    split,
};

/// The longest window of a rule.
const LONGEST_WINDOW: Duration = Duration::from_hours(24);
/// The number of sessions whose volumes are averaged, and how many of them must have one.
const VOLUME_SESSIONS: (u32, u32) = (20, 5);
/// The number of rules that are loaded with one statement.
const PAGE: u32 = 5_000;

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
    /// Whether a rule applies to all stocks.
    shared: HashSet<i64>,
    changes: Changes,
}

/// What is to be stored in the transaction.
#[derive(Debug, Default)]
struct Changes {
    states: Vec<rule_state::Model>,
    references: Vec<rule_reference::Model>,
    rules: BTreeMap<i64, RuleChange>,
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
        let kept = self.0.lock().take();
        let events = match &kept {
            Some(rules) => feed.events_after(rules.seq).await?,
            None => None,
        };
        let (Some(mut rules), Some(events)) = (kept, events) else {
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
    async fn load(feed: &FeedTransaction) -> Result<Self, store::Error> {
        let connection = feed.connection();
        let mut rules = Self {
            index: RuleIndex::default(),
            seq: feed.begin_seq(),
            loaded: HashSet::new(),
            shared: HashSet::new(),
            changes: Changes::default(),
        };
        let mut last = 0;
        loop {
            let page = rule::after(connection, last, PAGE).await?;
            let (Some(first), Some(end)) = (page.first(), page.last()) else {
                break;
            };
            let range = (first.id, end.id);
            last = end.id;
            for rule in &page {
                rules.set_rule(feed, rule).await?;
            }
            for row in rule::states(connection, range.0, range.1).await? {
                rules.load_stock(feed, row.stock_id).await?;
                let state = State {
                    disarmed: row.disarmed,
                    fired_at: row.fired_at,
                    fired_day: row.fired_day,
                    true_since: row.true_since,
                };
                rules
                    .index
                    .load_state(row.rule_id, row.stock_id, row.direction, state);
            }
            for row in rule::references(connection, range.0, range.1).await? {
                rules.load_stock(feed, row.stock_id).await?;
                let reference = Reference {
                    price: row.price,
                    trading_day: row.trading_day,
                };
                rules
                    .index
                    .load_reference(row.rule_id, row.stock_id, reference);
            }
        }
        if !rules.index.is_empty() {
            tracing::info!(rules = rules.index.len(), "alert rules loaded");
        }
        Ok(rules)
    }

    /// Applies an event of another transaction.
    async fn apply(&mut self, feed: &FeedTransaction, event: Event) -> Result<(), store::Error> {
        match event {
            Event::RuleChanged { rule, .. } if rule.is_default => {}
            Event::RuleChanged { rule, .. } if rule.deleted => {
                self.index.remove_rule(rule.id);
                self.shared.remove(&rule.id);
            }
            Event::RuleChanged { rule, .. } => self.set_rule(feed, &rule).await?,
            Event::SplitsChanged { stock_id, .. } => self.splits_changed(feed, stock_id).await?,
            Event::QuoteRecorded { .. } | Event::AlertFired { .. } | Event::StockChanged { .. } => {
            }
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

    /// Loads the splits of a stock and its newest price that was evaluated.
    async fn load_stock(&mut self, feed: &FeedTransaction, stock: i64) -> Result<(), store::Error> {
        if !self.loaded.insert(stock) {
            return Ok(());
        }
        let connection = feed.connection();
        let splits = split::all(connection, stock).await?;
        self.index.load_splits(stock, splits);
        let held = held_price::by_stock(connection, stock).await?;
        let newest = match held.first() {
            Some(held) => {
                let key = PriceKey::new(held.recorded_at, held.seq);
                price::before(connection, feed.now(), stock, key).await?
            }
            None => price::latest(connection, &[stock]).await?.pop(),
        };
        if let Some(price) = newest {
            self.index.observe(&sample(&price));
        }
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
            let since = price.market_time.before(LONGEST_WINDOW);
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
        let Changes {
            states,
            references,
            rules,
        } = std::mem::take(&mut self.changes);
        rule::set_states(feed.connection(), states).await?;
        rule::set_references(feed.connection(), references).await?;
        let rules: Vec<RuleChange> = rules.into_values().collect();
        rule::apply(feed, &rules).await
    }
}

impl Changes {
    fn add(&mut self, stock_id: i64, evaluation: &Evaluation) {
        for change in &evaluation.states {
            let State {
                disarmed,
                fired_at,
                fired_day,
                true_since,
            } = change.state;
            let row = rule_state::Model {
                rule_id: change.rule,
                stock_id,
                direction: change.direction,
                disarmed,
                fired_at,
                fired_day,
                true_since,
            };
            let same = |old: &rule_state::Model| {
                (old.rule_id, old.stock_id, old.direction)
                    == (row.rule_id, row.stock_id, row.direction)
            };
            // One statement cannot write a row twice.
            self.states.retain(|old| !same(old));
            self.states.push(row);
        }
        for (rule_id, reference) in &evaluation.references {
            self.references
                .retain(|old| (old.rule_id, old.stock_id) != (*rule_id, stock_id));
            self.references.push(rule_reference::Model {
                rule_id: *rule_id,
                stock_id,
                price: reference.price,
                trading_day: reference.trading_day,
            });
        }
        for change in &evaluation.levels {
            let rule = self.rule(change.rule);
            rule.level = change.level.or(rule.level);
            rule.disables |= change.level.is_none();
        }
        for firing in evaluation.firings.iter().filter(|firing| firing.disables) {
            self.rule(firing.rule).disables = true;
        }
    }

    fn rule(&mut self, id: i64) -> &mut RuleChange {
        self.rules.entry(id).or_insert(RuleChange {
            id,
            level: None,
            disables: false,
        })
    }
}

fn sample(price: &Price) -> Sample {
    Sample {
        stock: price.stock_id,
        seq: price.seq,
        recorded_at: price.recorded_at,
        market_time: price.market_time,
        trading_day: price.trading_day,
        session_open: Market::of(&price.symbol).session(price.trading_day).start,
        price: price.price,
        previous_close: price.previous_close,
        open: price.open,
        high: price.high,
        low: price.low,
        volume: price.volume,
        average_volume: None,
    }
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
    let (limit, least) = VOLUME_SESSIONS;
    let range = CandleRange {
        interval: CandleInterval::OneDay,
        from: None,
        to: Some(market.session(price.trading_day).start),
        limit,
    };
    let stock = price.stock_id;
    let candles = candle::newest(feed.connection(), &[stock], range).await?;
    let splits = split::all(feed.connection(), stock).await?;
    let volumes: Vec<i128> = candles
        .get(&stock)
        .into_iter()
        .flat_map(|candles| &candles.rows)
        .filter_map(|candle| {
            let day = market.day_of(candle.start);
            Some(multiply(candle.volume?, &splits, day, price.trading_day))
        })
        .collect();
    let sessions = u32::try_from(volumes.len()).unwrap_or(limit);
    let sum: i128 = volumes.iter().sum();
    Ok((sessions >= least && sum > 0).then_some(AverageVolume { sum, sessions }))
}

/// Converts a volume of the day `from` to the shares of the day `to`.
fn multiply(volume: i64, splits: &[Split], from: NaiveDate, to: NaiveDate) -> i128 {
    let volume = i128::from(volume);
    match Split::between(splits, from, to) {
        Some(ratio) => volume.saturating_mul(ratio.numerator()) / ratio.denominator(),
        None => volume,
    }
}
