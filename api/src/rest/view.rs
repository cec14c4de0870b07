//! What REST and the plain WebSocket say of stocks, prices and alerts.
//!
//! One invariant: the public shape is written here and is not the tables'; fields that are not known are `null`.

use entity::{Alert, AlertKind, Direction, Price, Stock};
use serde::Serialize;
use utoipa::ToSchema;

use super::number::Number;

/// A stock with its latest price.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stock)]
pub(crate) struct StockView {
    /// The stock's id; it never changes.
    pub(crate) id: i64,
    /// The ticker.
    #[schema(example = "AAPL")]
    pub(crate) symbol: String,
    /// The company's name.
    pub(crate) name: Option<String>,
    /// The currency of its prices (ISO 4217).
    pub(crate) currency: Option<String>,
    /// Where it trades.
    pub(crate) exchange: Option<String>,
    /// The latest price.
    pub(crate) current_price: Option<Number>,
    /// The previous session's close, restated for splits.
    pub(crate) previous_close: Option<Number>,
    /// `current_price − previous_close`.
    pub(crate) change: Option<Number>,
    /// By how many percent the price differs from the previous close, to 4 decimals.
    pub(crate) change_percent: Option<Number>,
    /// Shares traded in the session so far.
    pub(crate) volume: Option<i64>,
    /// When the latest price was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) last_updated: Option<String>,
}

/// One price, as recorded.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Price)]
pub(crate) struct PriceView {
    /// The ticker.
    pub(crate) symbol: String,
    /// The last traded price.
    pub(crate) price: Number,
    /// The previous session's close, restated for splits.
    pub(crate) previous_close: Option<Number>,
    /// `price − previous_close`.
    pub(crate) change: Option<Number>,
    /// By how many percent the price differs from the previous close, to 4 decimals.
    pub(crate) change_percent: Option<Number>,
    /// Shares traded in the session so far.
    pub(crate) volume: Option<i64>,
    /// The session's date.
    #[schema(format = Date)]
    pub(crate) trading_day: String,
    /// The market's clock (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) market_time: String,
    /// When it was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) recorded_at: String,
    /// Who gave it.
    pub(crate) provider: String,
}

/// An alert that fired.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct AlertView {
    /// The alert's id, to deduplicate by.
    pub(crate) id: i64,
    /// The ticker.
    pub(crate) symbol: String,
    /// The rule that fired; `null` once it is deleted.
    pub(crate) rule_id: Option<i64>,
    /// What the rule watched for.
    #[schema(value_type = String, example = "PERCENT_CHANGE")]
    pub(crate) kind: AlertKind,
    /// Which way the price went: `UP` or `DOWN`.
    #[schema(value_type = String, example = "UP")]
    pub(crate) direction: Direction,
    /// The price that caused it.
    pub(crate) price: Number,
    /// What the price was compared with.
    pub(crate) reference_price: Option<Number>,
    /// By how many percent it differed, to 4 decimals.
    pub(crate) change_percent: Option<Number>,
    /// What was reached: 5, 10, 15 … of a percentage.
    pub(crate) threshold: Number,
    /// A sentence for people.
    #[schema(example = "AAPL rose 5.43% to 196.1")]
    pub(crate) message: String,
    /// The session's date.
    #[schema(format = Date)]
    pub(crate) trading_day: String,
    /// When the price that caused it was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub(crate) triggered_at: String,
}

impl StockView {
    /// A stock with `price` as its latest.
    pub(crate) fn new(stock: &Stock, price: Option<&Price>) -> Self {
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
