//! A random history: quotes, rules that are created, changed and deleted, splits that are known
//! early and late, restarts, takeovers, failed transactions, and held prices.

mod changes;
mod splits;

use std::{collections::BTreeMap, time::Duration};

use chrono::NaiveDate;
use entity::{AlertRule, Candle, CandleInterval, Ratio, Timestamp};
use market::{Market, session_close, session_open};
use testkit::{SeededRandom, TestDatabase};
use tracker::quote::Quote;

use super::{
    markets::RandomMarket,
    random_rule,
    trial::{Trial, batch},
};

/// The number of trading days.
const DAYS: usize = 9;
/// The number of batches.
const BATCHES: usize = 70;
/// The rules that are created at once after the first prices.
const RULES: usize = 110;
/// The first trading day, a Monday.
const FIRST: &str = "2026-11-02";
/// What is known of a rule.
pub(super) struct Known {
    pub(super) rule: AlertRule,
    /// Whether it was changed after its state began, or begins disabled, or has an extreme level.
    pub(super) is_special: bool,
}

pub(super) struct History {
    pub(super) trial: Trial,
    random: SeededRandom,
    markets: Vec<RandomMarket>,
    days: Vec<NaiveDate>,
    today: usize,
    /// Whether splits keep prices exact.
    pub(super) is_exact: bool,
    pub(super) rules: BTreeMap<i64, Known>,
    /// Splits that become known later.
    late: Vec<(usize, NaiveDate, Option<Ratio>)>,
    /// Whether a late split is recorded that no tracker has seen.
    unsettled: bool,
    /// When a split of a past day was recorded last, by market.
    late_at: Vec<Timestamp>,
    /// When a price was held last.
    pub(super) held_at: Timestamp,
    /// When the first prices were stored.
    pub(super) begun_at: Timestamp,
}

impl History {
    pub(super) async fn run(seed: u64, database: TestDatabase) -> Self {
        let mut random = SeededRandom::new(seed);
        let first: NaiveDate = FIRST.parse().expect("a date");
        let days = first.iter_days().filter(|day| market::is_trading_day(*day));
        let before = Duration::from_mins(10);
        let symbols = &["AAPL", "IBM", "MSFT"][..random.between(1, 3)];
        let trial = Trial::new(database, symbols, session_open(first).before(before)).await;
        let markets: Vec<RandomMarket> = trial
            .stocks
            .iter()
            .map(|stock| RandomMarket::new(stock.id, stock.symbol.clone(), &mut random))
            .collect();
        let mut history = Self {
            trial,
            days: days.take(DAYS).collect(),
            today: 0,
            is_exact: seed.is_multiple_of(2),
            rules: BTreeMap::new(),
            late: Vec::new(),
            unsettled: false,
            late_at: vec![Timestamp::MIN; markets.len()],
            held_at: Timestamp::MIN,
            begun_at: Timestamp::MIN,
            random,
            markets,
        };
        history.write_candles(first).await;
        history.create(8).await;
        history.trial.clock.advance(before);
        history.quote((0..history.markets.len()).collect()).await;
        history.begun_at = history.trial.store.clock.now();
        history.create(RULES).await;
        for _ in 0..BATCHES {
            history.advance().await;
        }
        for stock in history.trial.held() {
            history.trial.release(stock, None).await;
        }
        history
    }

    /// Writes daily candles of 25 days before the first, of all stocks but the last.
    async fn write_candles(&mut self, first: NaiveDate) {
        let before = first.iter_days().rev().skip(1);
        let days = before.filter(|day| market::is_trading_day(*day)).take(25);
        let days: Vec<NaiveDate> = days.collect();
        let count = self.markets.len() - 1;
        let mut candles = Vec::new();
        for market in &self.markets[..count] {
            for day in &days {
                let volume = self
                    .random
                    .choose(&[None, Some(600), Some(1_000), Some(1_400)]);
                self.trial.add_session(market.stock, *day, volume);
                let session = Market::of(&market.symbol).session(*day);
                candles.push(Candle {
                    stock_id: market.stock,
                    interval: CandleInterval::OneDay,
                    start: session.start,
                    opened_at: None,
                    closed_at: session.end,
                    open: market.today(100),
                    high: market.today(102),
                    low: market.today(98),
                    close: market.today(99),
                    volume,
                    count: 1,
                });
            }
        }
        self.trial.write_candles(&candles).await;
    }

    /// The stocks, and when a split of a past day was recorded last.
    pub(super) fn markets(&self) -> impl Iterator<Item = (i64, Timestamp)> {
        let stocks = self.markets.iter().map(|market| market.stock);
        stocks.zip(self.late_at.iter().copied())
    }

    fn market_index(&mut self) -> usize {
        self.random.between(0, self.markets.len() - 1)
    }

    /// A level near the price, rarely one that a split takes out of the range of prices.
    fn level(&mut self, market: usize) -> (entity::Decimal, bool) {
        let extreme = [1, i64::MAX - 7].map(entity::Decimal::from_units);
        if !self.is_exact && self.random.percent(4) {
            return (self.random.choose(&extreme), true);
        }
        let points = self
            .random
            .choose(&[95, 97, 98, 99, 100, 101, 102, 103, 105]);
        (self.markets[market].today(points), false)
    }

    async fn create(&mut self, count: usize) {
        let now = self.trial.store.clock.now();
        let mut new = Vec::new();
        for _ in 0..count {
            let market = self.market_index();
            let (level, is_extreme) = self.level(market);
            let symbol = self.markets[market].symbol.clone();
            let mut rule = random_rule::rule(&mut self.random, &symbol, level);
            rule.expires_at = random_rule::expiry(&mut self.random, now);
            new.push((rule, is_extreme));
        }
        let settings = new.iter().map(|(rule, _)| rule.clone()).collect();
        let created = self.trial.create(settings).await;
        for (rule, (_, is_extreme)) in created.into_iter().zip(new) {
            let is_special = is_extreme || !rule.enabled;
            self.rules.insert(rule.id, Known { rule, is_special });
        }
    }

    async fn advance(&mut self) {
        let steps = [
            1, 5, 30, 60, 60, 150, 300, 300, 600, 900, 1_800, 3_600, 7_200,
        ];
        let step = self.random.choose(&steps);
        self.trial.clock.advance(Duration::from_secs(step));
        let close = session_close(self.days[self.today]);
        let is_over = self.trial.store.clock.now() > close || self.random.percent(8);
        if is_over && self.today + 1 < self.days.len() {
            self.next_day().await;
        }
        while self.random.percent(25) {
            self.change_something().await;
        }
        if !self.late.is_empty() && self.random.percent(20) {
            let (market, day, ratio) = self.late.remove(0);
            self.split(market, day, ratio).await;
        }
        if self.random.percent(10) {
            self.trial.restart();
        }
        if self.random.percent(12) {
            self.trial.take_over().await;
        }
        for stock in self.trial.held() {
            if self.random.percent(40) {
                self.release(stock).await;
            }
        }
        let count = self.markets.len();
        let quoted = (0..count).filter(|_| count == 1 || self.random.percent(70));
        let quoted: Vec<usize> = quoted.collect();
        self.quote(quoted).await;
    }

    async fn quote(&mut self, markets: Vec<usize>) {
        let (day, now) = (self.days[self.today], self.trial.store.clock.now());
        let mut quotes: Vec<Quote> = Vec::new();
        for index in markets {
            let market = &mut self.markets[index];
            let mut quote = market.quote(&mut self.random, day, now);
            if let Some(ratio) = market.unreported.take() {
                quote.split = self.random.percent(25).then_some(ratio);
            }
            quotes.push(quote);
        }
        let batch = batch(quotes, self.random.percent(40));
        let fails = self.random.percent(8);
        let report = self.trial.ingest(batch.clone(), fails).await;
        if report.held > 0 {
            self.held_at = self.trial.store.clock.now();
        }
        self.unsettled = false;
        if self.random.percent(15) {
            self.trial.ingest(batch, false).await;
        }
    }

    async fn next_day(&mut self) {
        self.today += 1;
        let open = session_open(self.days[self.today]);
        let early = Duration::from_secs(self.random.choose(&[0, 0, 60, 3_600]));
        let clock = self.trial.store.clock.now().max(open.before(early));
        self.trial.clock.set(clock);
        for index in 0..self.markets.len() {
            self.markets[index].open(&mut self.random);
            if self.random.percent(30) && self.markets[index].splits < 3 {
                self.plan_split(index).await;
            }
        }
        while self.random.percent(25) {
            self.change_something().await;
        }
        let late = Duration::from_secs(self.random.choose(&[0, 0, 1, 300]));
        let clock = self.trial.store.clock.now().max(open.after(late));
        self.trial.clock.set(clock);
    }
}
