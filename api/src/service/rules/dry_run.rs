//! Dry runs: evaluates a rule over stored prices, as if it had existed.
//!
//! The evaluator is the one of live prices. Prices are read in pages, so memory does not grow with
//! their number, and a dropped future stops between two pages. Everything is converted to the
//! shares of a symbol's newest price, because the level of the rule is in them.

mod samples;
mod symbol;

use alerting::{Progress, Rule};
use chrono::NaiveDate;
use entity::{Decimal, Direction, Stock, Symbol, Timestamp, Trigger};
use store::price::{self, Recorded};

use self::symbol::SymbolTest;
use super::NewRule;
use crate::service::{Error, Service};

/// Maximum number of samples of a dry run.
pub(in crate::service) const MAX_SAMPLES: u64 = 1_000_000;
/// Maximum number of firings that are returned.
const MAX_FIRINGS: usize = 1_000;

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

impl TestFiring {
    /// The key of the order in which the samples of all symbols are evaluated. Candles have no
    /// position in a feed: those of one instant are sorted by symbol, because the sort is stable.
    fn order(&self) -> (Timestamp, i64) {
        let seq = if self.is_candle { i64::MIN } else { self.seq };
        (self.at, seq)
    }
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
            if total.candles_seen + total.prices_seen > self.max_samples {
                return Err(self.too_many_samples());
            }
        }
        total.fired.sort_by_key(TestFiring::order);
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
        let mut left = self.max_samples;
        for stock in stocks {
            let connection = self.store.database.read();
            let count = || price::count(connection, stock.id, range, left + 1);
            let count = self.read(count).await?;
            left = left
                .checked_sub(count)
                .ok_or_else(|| self.too_many_samples())?;
        }
        Ok(())
    }

    fn too_many_samples(&self) -> Error {
        let most = self.max_samples;
        let reason = format!("the range has more than {most} prices and candles; start later");
        Error::bad_input("from", reason)
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
            self.fired.sort_by_key(TestFiring::order);
            self.fired.truncate(MAX_FIRINGS);
        }
    }
}
