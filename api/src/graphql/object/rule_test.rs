//! The GraphQL types `AlertRuleTest` and `RuleFiring`: the result of a dry run.

use async_graphql::{Object, SimpleObject};

use crate::{
    graphql::{
        enums::{Direction, NotFiredReason},
        scalar::{Date, DateTime, Decimal, Symbol},
    },
    service::{RuleTest, TestFiring},
};

/// The GraphQL type `AlertRuleTest`.
pub(crate) struct RuleTestObject(pub RuleTest);

/// The result of a dry run of an alert rule.
#[Object(name = "AlertRuleTest")]
impl RuleTestObject {
    /// How often the rule would have fired.
    fn count(&self) -> i32 {
        i32::try_from(self.0.count).unwrap_or(i32::MAX)
    }

    /// The first 1,000 firings, oldest first.
    async fn fired(&self) -> Vec<RuleFiring> {
        self.0.fired.iter().map(RuleFiring::from).collect()
    }

    /// The number of prices in the range.
    fn prices_seen(&self) -> i32 {
        i32::try_from(self.0.prices_seen).unwrap_or(i32::MAX)
    }

    /// The number of daily candles in the range that stand for days before the first price.
    fn candles_seen(&self) -> i32 {
        i32::try_from(self.0.candles_seen).unwrap_or(i32::MAX)
    }

    /// Why the rule would not have fired. Null if it would have fired.
    fn not_fired(&self) -> Option<NotFiredReason> {
        self.0.not_fired.map(Into::into)
    }
}

/// A firing in a dry run. Prices are in the shares of the newest price of the range.
#[derive(SimpleObject)]
pub(crate) struct RuleFiring {
    /// The ticker symbol of the stock.
    symbol: Symbol,
    /// The direction in which the price moved.
    direction: Option<Direction>,
    /// The price that would have triggered the alert.
    price: Decimal,
    /// The value that the price was compared with. Null for a volume.
    reference_price: Option<Decimal>,
    /// The difference between the price and the reference price in percent, rounded to 4 decimals.
    change_percent: Option<Decimal>,
    /// The threshold of the rule.
    threshold: Decimal,
    /// The date of the trading session.
    trading_day: Date,
    /// The time of the price on its market.
    market_time: DateTime,
    /// The time at which the price was recorded. Null for a candle.
    recorded_at: Option<DateTime>,
    /// The number that the stored price was divided by because of splits: 1 without a split.
    split_factor: Decimal,
}

impl From<&TestFiring> for RuleFiring {
    fn from(firing: &TestFiring) -> Self {
        Self {
            symbol: Symbol(firing.symbol.clone()),
            direction: Some(firing.direction.into()),
            price: Decimal(firing.price),
            reference_price: firing.reference_price.map(Decimal),
            change_percent: firing.change_percent.map(Decimal),
            threshold: Decimal(firing.threshold),
            trading_day: Date(firing.trading_day),
            market_time: DateTime(firing.market_time),
            recorded_at: (!firing.is_candle).then_some(DateTime(firing.at)),
            split_factor: Decimal(firing.split_factor),
        }
    }
}
