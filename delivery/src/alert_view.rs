//! The JSON representation of an alert, for REST, `/ws` and webhooks.
//!
//! Independent of the tables. An unknown value is `null`. Numbers have their exact digits.

use entity::{Alert, AlertKind, Decimal, Direction, Iterable};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A [`Decimal`] as a JSON number.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub Decimal);

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

/// An alert that fired.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Alert)]
pub struct AlertView {
    /// The id of the alert, for deduplication.
    #[schema(minimum = 1)]
    pub id: i64,
    /// The ticker symbol of the stock.
    pub symbol: String,
    /// The rule that fired; `null` once it is deleted.
    #[schema(required)]
    pub rule_id: Option<i64>,
    /// The name that the rule had when it fired.
    #[schema(required)]
    pub rule_name: Option<String>,
    /// The kind of condition that was met.
    #[schema(schema_with = enumeration::<AlertKind>)]
    pub kind: AlertKind,
    /// The direction of the price: `UP` or `DOWN`.
    #[schema(schema_with = enumeration::<Direction>)]
    pub direction: Direction,
    /// The price that triggered the alert.
    pub price: Number,
    /// The value that the price was compared with, such as the previous close.
    #[schema(required)]
    pub reference_price: Option<Number>,
    /// The difference between the price and the reference price in percent, rounded to 4 decimals.
    #[schema(required)]
    pub change_percent: Option<Number>,
    /// The threshold that was reached; for the default rule, a multiple: 5, 10, 15 …
    pub threshold: Number,
    /// A sentence that describes the alert.
    #[schema(example = "AAPL rose 5.43% to 196.1")]
    pub message: String,
    /// The date of the trading session.
    #[schema(format = Date)]
    pub trading_day: String,
    /// The time at which the price that triggered the alert was recorded (RFC 3339).
    #[schema(format = DateTime)]
    pub triggered_at: String,
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

/// The schema of an enumeration.
fn enumeration<T: Iterable + Serialize>() -> Schema {
    let values = T::iter().filter_map(|value| serde_json::to_value(value).ok());
    let schema = ObjectBuilder::new().schema_type(Type::String);
    schema.enum_values(Some(values)).build().into()
}
