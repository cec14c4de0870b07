//! The JSON representation of stocks, prices and alerts, for REST and `/ws`. That of alerts is also
//! sent to webhooks, and therefore defined in `delivery`.
//!
//! Independent of the tables. An unknown value is `null`. Numbers have their exact digits.

pub(crate) use delivery::{AlertView, Number};
use entity::{Price, Stock};
use market::Freshness;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, Schema, Type},
};

use crate::service::Condition;

/// A stock with its latest price.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub(crate) struct StockView {
    /// The id of the stock. It never changes.
    #[schema(minimum = 1)]
    pub(crate) id: i64,
    /// The ticker symbol of the stock.
    #[schema(example = "AAPL")]
    pub(crate) symbol: String,
    /// The name of the company.
    #[schema(required)]
    pub(crate) name: Option<String>,
    /// The ISO 4217 code of the currency that the stock is priced in.
    #[schema(required)]
    pub(crate) currency: Option<String>,
    /// The exchange that the stock is listed on.
    #[schema(required)]
    pub(crate) exchange: Option<String>,
    /// The latest price.
    #[schema(required)]
    pub(crate) current_price: Option<Number>,
    /// The closing price of the previous session, adjusted for splits.
    #[schema(required)]
    pub(crate) previous_close: Option<Number>,
    /// `current_price − previous_close`.
    #[schema(required)]
    pub(crate) change: Option<Number>,
    /// The change in percent of the previous close, rounded to 4 decimals.
    #[schema(required)]
    pub(crate) change_percent: Option<Number>,
    /// The number of shares traded in the session so far.
    #[schema(required, minimum = 0)]
    pub(crate) volume: Option<i64>,
    /// The time at which the latest price was recorded (RFC 3339).
    #[schema(required, format = DateTime)]
    pub(crate) last_updated: Option<String>,
    /// Whether the latest price may be out of date. A stock is stale if it has no price, or if its
    /// latest price is more than one session behind (in a replay, more than two trading days). It
    /// is also stale if no provider has sent a price for three polling intervals while the market
    /// was open, or if the last three answers of providers had no price. While the database is
    /// unavailable, every stock is stale.
    pub(crate) stale: bool,
    /// The age of the latest price in trading sessions: `CURRENT` for the current or last session,
    /// `PREVIOUS_SESSION` for the one before, `OLD` for earlier ones, `NONE` without a price.
    #[schema(schema_with = freshness)]
    pub(crate) freshness: &'static str,
}

/// One price, as recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub(crate) struct PriceView {
    /// The ticker symbol of the stock.
    pub(crate) symbol: String,
    /// The last traded price.
    pub(crate) price: Number,
    /// The closing price of the previous session, adjusted for splits.
    #[schema(required)]
    pub(crate) previous_close: Option<Number>,
    /// `price − previous_close`.
    #[schema(required)]
    pub(crate) change: Option<Number>,
    /// The change in percent of the previous close, rounded to 4 decimals.
    #[schema(required)]
    pub(crate) change_percent: Option<Number>,
    /// The number of shares traded in the session so far.
    #[schema(required, minimum = 0)]
    pub(crate) volume: Option<i64>,
    /// The date of the trading session.
    #[schema(format = Date)]
    pub(crate) trading_day: String,
    /// The time of the price on its market (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) market_time: String,
    /// The time at which the price was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) recorded_at: String,
    /// The name of the provider that sent the price.
    pub(crate) provider: String,
}

/// The public name of a freshness, the same as in GraphQL.
fn freshness_name(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Current => "CURRENT",
        Freshness::PreviousSession => "PREVIOUS_SESSION",
        Freshness::Old => "OLD",
        Freshness::None => "NONE",
    }
}

/// The schema of `freshness`.
fn freshness() -> Schema {
    use Freshness::{Current, None, Old, PreviousSession};
    let names = [Current, PreviousSession, Old, None].map(freshness_name);
    let schema = ObjectBuilder::new().schema_type(Type::String);
    schema.enum_values(Some(names)).build().into()
}

impl StockView {
    /// Creates the view of a stock with its latest price.
    pub(crate) fn new(stock: &Stock, price: Option<&Price>, condition: Condition) -> Self {
        Self {
            id: stock.id,
            symbol: stock.symbol.to_string(),
            name: stock.name.clone(),
            currency: stock.currency.clone(),
            exchange: stock.exchange.clone(),
            current_price: price.map(|price| Number(price.price)),
            previous_close: price.and_then(|price| price.previous_close).map(Number),
            change: price.and_then(Price::change).map(Number),
            change_percent: price.and_then(Price::change_percent).map(Number),
            volume: price.and_then(|price| price.volume),
            last_updated: price.map(|price| price.recorded_at.to_string()),
            stale: condition.is_stale(),
            freshness: freshness_name(condition.freshness),
        }
    }
}

impl From<&Price> for PriceView {
    fn from(price: &Price) -> Self {
        Self {
            symbol: price.symbol.to_string(),
            price: Number(price.price),
            previous_close: price.previous_close.map(Number),
            change: price.change().map(Number),
            change_percent: price.change_percent().map(Number),
            volume: price.volume,
            trading_day: price.trading_day.to_string(),
            market_time: price.market_time.to_string(),
            recorded_at: price.recorded_at.to_string(),
            provider: price.provider.clone(),
        }
    }
}
