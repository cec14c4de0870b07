//! Dry runs: evaluates a rule over stored prices, as if it had existed.
//!
//! The evaluator is the one of live prices. Prices are read in pages, so memory does not grow with
//! their number, and a dropped future stops between two pages. Everything is converted to the
//! shares of a symbol's newest price, because the level of the rule is in them.

use std::collections::VecDeque;

use alerting::{AverageVolume, Evaluation, Progress, Rule, RuleIndex, RuleStart, Sample, adjust};
use chrono::NaiveDate;
use entity::{
    Candle, CandleInterval, Decimal, Direction, Price, Split, Stock, Symbol, Timestamp, Trigger,
};
use market::Market;
use store::{
    candle::{self, CandleRange},
    price::{self, PriceKey, Recorded},
    split,
};

use super::NewRule;
use crate::service::{Error, Service};

/// Maximum number of samples of a dry run.
const MAX_SAMPLES: u64 = 1_000_000;
/// Maximum number of firings that are returned.
const MAX_FIRINGS: usize = 1_000;
/// The number of prices that are read at once.
const PAGE: u32 = 2_000;
/// More daily candles than a stock has.
const ALL_CANDLES: u32 = 50_000;
/// The number of sessions whose volumes are averaged, and how many of them must have one.
const VOLUME_SESSIONS: (usize, usize) = (20, 5);

/// The result of a dry run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleTest {
    /// The number of firings.
    pub(crate) count: u64,
    /// The first firings, oldest first.
    pub(crate) fired: Vec<TestFiring>,
    /// The number of prices in the range.
    pub(crate) prices_seen: u64,
    /// The number of daily candles in the range that stand for days before the first price.
    pub(crate) candles_seen: u64,
    /// Why the rule did not fire.
    pub(crate) not_fired: Option<NotFired>,
}

/// Why a rule did not fire: the furthest that any sample came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFired {
    NoPrices,
    NoReference,
    NeverTrue,
    NotHeld,
    Expired,
}

/// A firing of a dry run.
#[derive(Clone, Debug)]
pub(crate) struct TestFiring {
    pub(crate) symbol: Symbol,
    pub(crate) direction: Direction,
    pub(crate) price: Decimal,
    pub(crate) reference_price: Option<Decimal>,
    pub(crate) change_percent: Option<Decimal>,
    pub(crate) threshold: Decimal,
    pub(crate) trading_day: NaiveDate,
    pub(crate) market_time: Timestamp,
    /// When the price was recorded, or the close of the candle's session.
    pub(crate) at: Timestamp,
    pub(crate) is_candle: bool,
    /// What the stored price was divided by.
    pub(crate) split_factor: Decimal,
    seq: i64,
}

/// A dry run of one symbol.
struct SymbolTest<'a> {
    service: &'a Service,
    stock: &'a Stock,
    index: RuleIndex,
    range: Recorded,
    expires_at: Option<Timestamp>,
    trigger: Trigger,
    splits: Vec<Split>,
    /// The trading day of the newest price.
    unit_day: NaiveDate,
    /// The volumes of the newest sessions, in the shares of `unit_day`.
    volumes: VecDeque<Option<i128>>,
    candles: VecDeque<Candle>,
    progress: Option<Progress>,
    result: RuleTest,
}

impl Service {
    /// Evaluates a rule over the stored prices of a time range, and over daily candles before the
    /// first price. Stores nothing.
    ///
    /// # Errors
    ///
    /// [`Error::BadInput`] for an invalid setting, or if the range has too many prices.
    pub(crate) async fn test_rule(&self, new: NewRule, range: Recorded) -> Result<RuleTest, Error> {
        super::super::ordered(range.from, range.to)?;
        let rule = self.checked_rule(new)?;
        let stocks: Vec<Stock> = match &rule.symbol {
            Some(symbol) => vec![self.known_stock(symbol)?],
            None => self
                .quoted_stocks()
                .into_iter()
                .map(|(stock, _)| stock)
                .collect(),
        };
        self.check_size(&stocks, range).await?;
        let mut rule = Rule::from(&rule);
        rule.enabled = true;
        rule.id = 1;
        let mut total = RuleTest::default();
        let mut progress = None;
        for stock in &stocks {
            let test = SymbolTest::load(self, stock, rule.clone(), range).await?;
            let Some(mut test) = test else { continue };
            test.run().await?;
            progress = progress.max(test.progress);
            total.add(test.result);
        }
        total.fired.sort_by_key(|firing| (firing.at, firing.seq));
        if rule.trigger == Trigger::Once {
            total.fired.truncate(1);
            total.count = total.count.min(1);
        }
        total.fired.truncate(MAX_FIRINGS);
        total.not_fired = (total.count == 0).then(|| match progress {
            _ if total.prices_seen + total.candles_seen == 0 => NotFired::NoPrices,
            None => NotFired::Expired,
            Some(Progress::NoReference) => NotFired::NoReference,
            Some(Progress::False) => NotFired::NeverTrue,
            Some(Progress::NotHeld) => NotFired::NotHeld,
        });
        Ok(total)
    }

    async fn check_size(&self, stocks: &[Stock], range: Recorded) -> Result<(), Error> {
        let mut left = MAX_SAMPLES;
        for stock in stocks {
            let connection = self.store.database.read();
            let count = || price::count(connection, stock.id, range, left + 1);
            let count = self.read(count).await?;
            left = left.checked_sub(count).ok_or_else(|| {
                let reason = format!("the range has more than {MAX_SAMPLES} prices; start later");
                Error::bad_input("from", reason)
            })?;
        }
        Ok(())
    }
}

impl RuleTest {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.prices_seen += other.prices_seen;
        self.candles_seen += other.candles_seen;
        self.fired.extend(other.fired);
        // The first firings of all symbols are among the first of each.
        if self.fired.len() > 2 * MAX_FIRINGS {
            self.fired.sort_by_key(|firing| (firing.at, firing.seq));
            self.fired.truncate(MAX_FIRINGS);
        }
    }
}

impl<'a> SymbolTest<'a> {
    /// Prepares the dry run of a symbol. `None` if it has neither prices nor candles.
    async fn load(
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
            sample.average_volume = self.average_volume();
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
        if let Some(from) = first
            && let Some(seq) = self.observe_before(from).await?
        {
            rule.start.seq = seq;
        }
        self.index.set_rule(rule);
        self.load_window(within.first().map(|sample| sample.market_time), before)
            .await?;
        for sample in within {
            if self.range.to.is_none_or(|to| sample.recorded_at < to) {
                self.result.candles_seen += 1;
                self.evaluate(sample, true, Decimal::from_int(1));
            }
        }
        Ok(())
    }

    async fn run(&mut self) -> Result<(), Error> {
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
        sample.average_volume = self.average_volume();
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

    /// Loads the prices of the last day before the range, if the rule has a window.
    async fn load_window(
        &mut self,
        first_candle: Option<Timestamp>,
        candles: &[Sample],
    ) -> Result<(), Error> {
        if !self.index.needs_window(self.stock.id) {
            return Ok(());
        }
        let connection = self.service.store.database.read();
        let (now, stock) = (self.service.now(), self.stock.id);
        let mut window: Vec<_> = candles
            .iter()
            .filter(|sample| first_candle.is_some_and(|first| sample.market_time < first))
            .map(|sample| (sample.market_time, sample.price, sample.trading_day))
            .collect();
        if let Some(from) = self.range.from {
            let day = std::time::Duration::from_hours(24);
            let key = PriceKey::new(from, i64::MIN);
            let since = from.before(3 * day);
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

    fn price_sample(&self, price: &Price) -> Sample {
        let market = Market::of(&self.stock.symbol);
        let day = price.trading_day;
        Sample {
            stock: self.stock.id,
            seq: price.seq,
            recorded_at: price.recorded_at,
            market_time: price.market_time,
            trading_day: day,
            session_open: market.session(day).start,
            price: self
                .converted(Some(price.price), day)
                .unwrap_or(price.price),
            previous_close: self.converted(price.previous_close, day),
            open: self.converted(price.open, day),
            high: self.converted(price.high, day),
            low: self.converted(price.low, day),
            volume: price
                .volume
                .and_then(|volume| i64::try_from(self.volume(volume, day)).ok()),
            average_volume: None,
        }
    }

    fn candle_sample(
        &self,
        candle: &Candle,
        day: NaiveDate,
        seq: i64,
        previous_close: Option<Decimal>,
    ) -> Sample {
        let session = Market::of(&self.stock.symbol).session(day);
        Sample {
            stock: self.stock.id,
            seq,
            recorded_at: session.end,
            market_time: session.end,
            trading_day: day,
            session_open: session.start,
            price: self
                .converted(Some(candle.close), day)
                .unwrap_or(candle.close),
            previous_close,
            open: self.converted(Some(candle.open), day),
            high: self.converted(Some(candle.high), day),
            low: self.converted(Some(candle.low), day),
            volume: candle
                .volume
                .and_then(|volume| i64::try_from(self.volume(volume, day)).ok()),
            average_volume: None,
        }
    }

    fn converted(&self, price: Option<Decimal>, from: NaiveDate) -> Option<Decimal> {
        adjust(&self.splits, price?, from, self.unit_day)
    }

    fn split_factor(&self, from: NaiveDate) -> Decimal {
        let one = Decimal::from_int(1);
        let ratio = Split::between(&self.splits, from, self.unit_day);
        ratio.map_or(one, |ratio| ratio.inverse().divide(one).unwrap_or(one))
    }

    fn volume(&self, volume: i64, from: NaiveDate) -> i128 {
        let volume = i128::from(volume);
        match Split::between(&self.splits, from, self.unit_day) {
            Some(ratio) => volume.saturating_mul(ratio.numerator()) / ratio.denominator(),
            None => volume,
        }
    }

    /// Adds the volume of a session to those that are averaged.
    fn add_volume(&mut self, volume: Option<i64>, day: NaiveDate) {
        let volume = volume.map(|volume| self.volume(volume, day));
        self.volumes.push_back(volume);
        if self.volumes.len() > VOLUME_SESSIONS.0 {
            self.volumes.pop_front();
        }
    }

    fn average_volume(&self) -> Option<AverageVolume> {
        let volumes: Vec<i128> = self.volumes.iter().copied().flatten().collect();
        let sum: i128 = volumes.iter().sum();
        let sessions = u32::try_from(volumes.len()).ok()?;
        (volumes.len() >= VOLUME_SESSIONS.1 && sum > 0).then_some(AverageVolume { sum, sessions })
    }
}
