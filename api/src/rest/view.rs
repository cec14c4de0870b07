//! The JSON representation of stocks, prices and alerts, for REST and `/ws`.
//!
//! Independent of the tables. An unknown value is `null`. Numbers have their exact digits.

use entity::{Alert, AlertKind, Decimal, Direction, Iterable, Price, Stock};
use market::Freshness;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::service::Condition;

/// A [`Decimal`] as a JSON number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let text = "Exact, at most 8 fractional digits, no exponent and no trailing zeros.";
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some(text))
            .into()
    }
}

impl ToSchema for Number {}

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

/// An alert that fired.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    /// The id of the alert, for deduplication.
    #[schema(minimum = 1)]
    pub(crate) id: i64,
    /// The ticker symbol of the stock.
    pub(crate) symbol: String,
    /// The rule that fired; `null` once it is deleted.
    #[schema(required)]
    pub(crate) rule_id: Option<i64>,
    /// The name that the rule had when it fired.
    #[schema(required)]
    pub(crate) rule_name: Option<String>,
    /// The kind of condition that was met.
    #[schema(schema_with = enumeration::<AlertKind>)]
    pub(crate) kind: AlertKind,
    /// The direction of the price: `UP` or `DOWN`.
    #[schema(schema_with = enumeration::<Direction>)]
    pub(crate) direction: Direction,
    /// The price that triggered the alert.
    pub(crate) price: Number,
    /// The value that the price was compared with, such as the previous close.
    #[schema(required)]
    pub(crate) reference_price: Option<Number>,
    /// The difference between the price and the reference price in percent, rounded to 4 decimals.
    #[schema(required)]
    pub(crate) change_percent: Option<Number>,
    /// The threshold that was reached; for the default rule, a multiple: 5, 10, 15 …
    pub(crate) threshold: Number,
    /// A sentence that describes the alert.
    #[schema(example = "AAPL rose 5.43% to 196.1")]
    pub(crate) message: String,
    /// The date of the trading session.
    #[schema(format = Date)]
    pub(crate) trading_day: String,
    /// The time at which the price that triggered the alert was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) triggered_at: String,
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

/// The schema of an enumeration.
fn enumeration<T: Iterable + Serialize>() -> Schema {
    let values = T::iter().filter_map(|value| serde_json::to_value(value).ok());
    let schema = ObjectBuilder::new().schema_type(Type::String);
    schema.enum_values(Some(values)).build().into()
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

impl From<&Alert> for AlertView {
    fn from(alert: &Alert) -> Self {
        Self {
            id: alert.id,
            symbol: alert.symbol.to_string(),
            rule_id: alert.rule_id,
            rule_name: alert.rule_name.clone(),
            kind: alert.kind,
            direction: alert.direction,
            price: Number(alert.price),
            reference_price: alert.reference_price.map(Number),
            change_percent: alert.change_percent.map(Number),
            threshold: Number(alert.threshold),
            message: alert.message(),
            trading_day: alert.trading_day.to_string(),
            triggered_at: alert.triggered_at.to_string(),
        }
    }
}
