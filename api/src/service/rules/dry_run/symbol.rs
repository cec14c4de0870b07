//! The dry run of one symbol: its candles before the first price, then its prices.

use std::collections::VecDeque;

use alerting::{
    AverageVolume, Evaluation, LOADED_WINDOW, Progress, Rule, RuleIndex, RuleStart, Sample,
};
use chrono::NaiveDate;
use entity::{Candle, CandleInterval, Decimal, Price, Split, Stock, Timestamp, Trigger};
use market::Market;
use store::{
    candle::{self, CandleRange},
    price::{self, PriceKey, Recorded},
    split,
};

use super::{MAX_FIRINGS, RuleTest, TestFiring};
use crate::service::{Error, Service};

/// The number of prices that are read at once.
const PAGE: u32 = 2_000;
/// More daily candles than a stock has.
const ALL_CANDLES: u32 = 50_000;

/// A dry run of one symbol.
pub(super) struct SymbolTest<'a> {
    service: &'a Service,
    pub(super) stock: &'a Stock,
    index: RuleIndex,
    range: Recorded,
    expires_at: Option<Timestamp>,
    trigger: Trigger,
    pub(super) splits: Vec<Split>,
    /// The trading day of the newest price.
    pub(super) unit_day: NaiveDate,
    /// The volumes of the newest sessions.
    pub(super) volumes: VecDeque<(NaiveDate, Option<i64>)>,
    /// The average of `volumes` in the shares of a day.
    pub(super) average: Option<(NaiveDate, Option<AverageVolume>)>,
    candles: VecDeque<Candle>,
    pub(super) progress: Option<Progress>,
    pub(super) result: RuleTest,
}

impl<'a> SymbolTest<'a> {
    /// Prepares the dry run of a symbol. `None` if it has neither prices nor candles.
    pub(super) async fn load(
        service: &'a Service,
        stock: &'a Stock,
        mut rule: Rule,
        range: Recorded,
    ) -> Result<Option<Self>, Error> {
        let connection = service.store.database.read();
        let splits = service.read(|| split::all(connection, stock.id)).await?;
        let now = service.now();
        let oldest = service
            .read(|| price::following(connection, now, stock.id, Recorded::default(), None, 1));
        let oldest = oldest.await?.0.pop();
        let newest = match range.to {
            Some(to) => {
                let end = PriceKey::new(to, i64::MIN);
                let before = || price::before(connection, now, stock.id, end);
                service.read(before).await?
            }
            None => service
                .read(|| price::latest(connection, std::slice::from_ref(&stock.id)))
                .await?
                .pop(),
        };
        let candles = CandleRange {
            interval: CandleInterval::OneDay,
            from: None,
            to: range.to,
            limit: ALL_CANDLES,
        };
        let candles = service
            .read(|| candle::newest(connection, std::slice::from_ref(&stock.id), candles))
            .await?
            .remove(&stock.id)
            .map_or_else(Vec::new, |candles| candles.rows);
        let market = Market::of(&stock.symbol);
        let last_candle = candles.last().map(|candle| market.day_of(candle.start));
        let Some(unit_day) = newest
            .as_ref()
            .map(|price| price.trading_day)
            .or(last_candle)
        else {
            return Ok(None);
        };
        let (expires_at, trigger) = (rule.expires_at, rule.trigger);
        rule.stock = Some(stock.id);
        rule.level_day = unit_day;
        rule.start = RuleStart {
            seq: i64::MIN,
            recorded_at: range.from.unwrap_or(Timestamp::MIN),
        };
        let mut test = Self {
            service,
            stock,
            index: RuleIndex::default(),
            range,
            expires_at,
            trigger,
            splits,
            unit_day,
            volumes: VecDeque::new(),
            average: None,
            candles: candles.into(),
            progress: None,
            result: RuleTest::default(),
        };
        let first_price_day = oldest.map(|price| price.trading_day);
        test.begin(rule, first_price_day).await?;
        Ok(Some(test))
    }

    /// Observes what precedes the range, and evaluates the candles before the first price.
    async fn begin(
        &mut self,
        mut rule: Rule,
        first_price_day: Option<NaiveDate>,
    ) -> Result<(), Error> {
        let market = Market::of(&self.stock.symbol);
        let mut samples = Vec::new();
        let (mut seq, mut previous_close) = (i64::MIN + 1, None);
        while let Some(candle) = self.candles.front() {
            let day = market.day_of(candle.start);
            if first_price_day.is_some_and(|first| day >= first) {
                break;
            }
            let Some(candle) = self.candles.pop_front() else {
                break;
            };
            let mut sample = self.candle_sample(&candle, day, seq, previous_close);
            previous_close = Some(sample.price);
            sample.average_volume = self.average_volume(day);
            self.add_volume(candle.volume, day);
            samples.push(sample);
            seq += 1;
        }
        let from = self.range.from.unwrap_or(Timestamp::MIN);
        let before = samples.partition_point(|sample| sample.recorded_at < from);
        let (before, within) = samples.split_at(before);
        if let Some(last) = before.last() {
            self.index.observe(last);
            rule.start.seq = last.seq;
        }
        let first = self.range.from.filter(|_| first_price_day.is_some());
        let mut earlier_candles = before;
        if let Some(from) = first
            && let Some(seq) = self.observe_before(from).await?
        {
            // The range begins among the prices, whose days are not evaluated from candles.
            rule.start.seq = seq;
            earlier_candles = &[];
        }
        self.index.set_rule(rule);
        self.load_window(earlier_candles).await?;
        for sample in within {
            if self.range.to.is_none_or(|to| sample.recorded_at < to) {
                self.result.candles_seen += 1;
                self.evaluate(sample, true, Decimal::from_int(1));
            }
        }
        Ok(())
    }

    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let connection = self.service.store.database.read();
        let (now, stock, range) = (self.service.now(), self.stock.id, self.range);
        let mut position = None;
        loop {
            let page = || price::following(connection, now, stock, range, position, PAGE);
            let (prices, has_more) = self.service.read(page).await?;
            for price in &prices {
                self.result.prices_seen += 1;
                self.evaluate_price(price);
            }
            position = prices.last().map(PriceKey::from);
            if !has_more || position.is_none() {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    fn evaluate_price(&mut self, price: &Price) {
        let market = Market::of(&self.stock.symbol);
        while let Some(candle) = self.candles.front() {
            let day = market.day_of(candle.start);
            if day >= price.trading_day {
                break;
            }
            let volume = candle.volume;
            self.candles.pop_front();
            self.add_volume(volume, day);
        }
        let mut sample = self.price_sample(price);
        sample.average_volume = self.average_volume(price.trading_day);
        let factor = self.split_factor(price.trading_day);
        self.evaluate(&sample, false, factor);
    }

    fn evaluate(&mut self, sample: &Sample, is_candle: bool, split_factor: Decimal) {
        if self.expires_at.is_some_and(|at| at <= sample.recorded_at) {
            return;
        }
        if self.trigger == Trigger::Once && self.result.count > 0 {
            return;
        }
        let Evaluation {
            firings, progress, ..
        } = self.index.evaluate(sample);
        self.progress = self.progress.max(Some(progress));
        for firing in firings {
            self.result.count += 1;
            if self.result.fired.len() < MAX_FIRINGS {
                self.result.fired.push(TestFiring {
                    symbol: self.stock.symbol.clone(),
                    direction: firing.direction,
                    price: sample.price,
                    reference_price: firing.reference,
                    change_percent: firing.change_percent,
                    threshold: firing.threshold,
                    trading_day: sample.trading_day,
                    market_time: sample.market_time,
                    at: sample.recorded_at,
                    is_candle,
                    split_factor,
                    seq: sample.seq,
                });
            }
        }
    }

    /// Observes the newest price before the range, and returns its position.
    async fn observe_before(&mut self, from: Timestamp) -> Result<Option<i64>, Error> {
        let connection = self.service.store.database.read();
        let (now, stock) = (self.service.now(), self.stock.id);
        let key = PriceKey::new(from, i64::MIN);
        let before = self
            .service
            .read(|| price::before(connection, now, stock, key))
            .await?;
        let sample = before.map(|price| self.price_sample(&price));
        if let Some(sample) = &sample {
            self.index.observe(sample);
        }
        Ok(sample.map(|sample| sample.seq))
    }

    /// Loads the samples before the range that the window of its first price can contain, if the
    /// rule has a window.
    async fn load_window(&mut self, candles: &[Sample]) -> Result<(), Error> {
        if !self.index.needs_window(self.stock.id) {
            return Ok(());
        }
        let connection = self.service.store.database.read();
        let (now, stock) = (self.service.now(), self.stock.id);
        let mut window: Vec<_> = candles
            .iter()
            .map(|sample| (sample.market_time, sample.price, sample.trading_day))
            .collect();
        // Market times may be much older than the times at which prices were recorded.
        let range = self.range;
        let first = || price::following(connection, now, stock, range, None, 1);
        if let Some(first) = self.service.read(first).await?.0.pop() {
            let (key, since) = (
                PriceKey::from(&first),
                first.market_time.before(LOADED_WINDOW),
            );
            let before = self
                .service
                .read(|| price::window(connection, now, stock, key, since))
                .await?;
            let before = before.iter().map(|price| self.price_sample(price));
            window.extend(before.map(|it| (it.market_time, it.price, it.trading_day)));
        }
        self.index.load_window(stock, window);
        Ok(())
    }
}
