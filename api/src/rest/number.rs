//! Exact numbers in JSON.
//!
//! One invariant: a number's digits are those of its shortest text: no float on the way, no exponent.

use entity::Decimal;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

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
