//! The custom scalars: how exact values are parsed from input and written to responses.
//!
//! Every number and time has one textual form, the same in GraphQL, REST and `/ws`.

use async_graphql::{InputValueError, InputValueResult, Pos, Scalar, ScalarType, Value};
use chrono::NaiveDate;

use crate::service::CURSOR_EXPIRED;

/// Returns the start of an invalid value, quoted, for an error message.
fn shown(text: &str) -> String {
    const ENOUGH: usize = 40;
    let mut characters = text.chars();
    let begin: String = characters.by_ref().take(ENOUGH).collect();
    let more = if characters.next().is_some() {
        "…"
    } else {
        ""
    };
    format!("{begin:?}{more}")
}

/// Declares a scalar that is a JSON string and parses with `FromStr`.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident($inner:ty), $graphql:literal, $page:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name(pub $inner);

        $(#[$doc])*
        #[Scalar(name = $graphql, specified_by_url = $page)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                match value {
                    Value::String(text) => match text.parse() {
                        Ok(value) => Ok(Self(value)),
                        Err(error) => {
                            Err(InputValueError::custom(format!("{} {error}", shown(&text))))
                        }
                    },
                    other => Err(InputValueError::expected_type(other)),
                }
            }

            fn to_value(&self) -> Value {
                Value::String(self.0.to_string())
            }
        }

        impl From<$inner> for $name {
            fn from(inner: $inner) -> Self {
                Self(inner)
            }
        }
    };
}

text_scalar! {
    /// A ticker symbol: 1 to 32 characters of `A–Z 0–9 . - ^ = / & : _`. Accepted in any case,
    /// returned in upper case.
    Symbol(entity::Symbol), "Symbol",
    "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#symbol"
}

text_scalar! {
    /// An exact decimal number as a string, in its shortest form: no exponent, no trailing zeros,
    /// at most 8 fractional digits.
    Decimal(entity::Decimal), "Decimal",
    "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#decimal"
}

text_scalar! {
    /// An RFC 3339 date and time. Returned in UTC with `Z` and at most 6 fractional digits.
    DateTime(entity::Timestamp), "DateTime",
    "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#datetime"
}

text_scalar! {
    /// A calendar date in the form `YYYY-MM-DD`.
    Date(NaiveDate), "Date",
    "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#date"
}

text_scalar! {
    /// An opaque position in a list or in the feed.
    Cursor(String), "Cursor",
    "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#cursor"
}

/// A 64-bit signed integer, as a JSON number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Int64(pub i64);

/// A 64-bit signed integer, as a JSON number.
#[Scalar(
    name = "Int64",
    specified_by_url = "https://github.com/stock-tracker/stock-tracker/blob/main/docs/scalars.md#int64"
)]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => number.as_i64().map(Self).ok_or_else(|| {
                InputValueError::custom(format!("{number} is not a 64-bit integer"))
            }),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(self.0.into())
    }
}

/// Validates the values of scalars before an operation executes. Whether a well-formed cursor
/// belongs to a list is checked by the service.
pub(crate) struct CustomScalars;

impl transport::Scalars for CustomScalars {
    fn check(&self, scalar: &str, value: &Value) -> Result<(), String> {
        fn parsed<T: ScalarType + async_graphql::InputType>(value: &Value) -> Result<(), String> {
            let error = |error: InputValueError<T>| error.into_server_error(Pos::default()).message;
            <T as ScalarType>::parse(value.clone())
                .map(drop)
                .map_err(error)
        }
        match scalar {
            "Symbol" => parsed::<Symbol>(value),
            "Decimal" => parsed::<Decimal>(value),
            "DateTime" => parsed::<DateTime>(value),
            "Date" => parsed::<Date>(value),
            "Int64" => parsed::<Int64>(value),
            "Cursor" => match value {
                Value::String(text) => entity::Cursor::decode(text)
                    .map(drop)
                    .map_err(|error| format!("{} {error}", shown(text))),
                _ => parsed::<Cursor>(value),
            },
            _ => Ok(()),
        }
    }

    fn reason(&self, scalar: &str) -> Option<&'static str> {
        (scalar == "Cursor").then_some(CURSOR_EXPIRED)
    }
}
