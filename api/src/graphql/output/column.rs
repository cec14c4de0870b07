//! Values of columns: fields of a row that are written as JSON without an asynchronous resolver.
//!
//! The JSON is the same as that of the value that async-graphql would produce.

use async_graphql::{Error, ID, resolver_utils::EnumType};

use super::json::{push_plain, push_quoted, push_text};
use crate::graphql::{
    enums::{AlertKind, ChangeBase, DeliveryState, Direction, Market, PriceBasis, Trigger},
    scalar::{Cursor, Date, DateTime, Decimal, Int64, Symbol},
};

/// The value of a column.
pub(in crate::graphql) trait ColumnValue {
    /// Appends the value as JSON.
    fn push_json(&self, out: &mut String) -> Result<(), Error>;
}

/// Implements [`ColumnValue`] for values that are always written.
macro_rules! column_values {
    ($($kind:ty: |$value:ident, $out:ident| $push:expr;)+) => {
        $(impl ColumnValue for $kind {
            fn push_json(&self, $out: &mut String) -> Result<(), Error> {
                let $value = self;
                $push;
                Ok(())
            }
        })+
    };
}

column_values! {
    &str: |text, out| push_text(out, text);
    String: |text, out| push_text(out, text);
    ID: |id, out| push_text(out, id);
    Cursor: |cursor, out| push_text(out, &cursor.0);
    Symbol: |symbol, out| push_text(out, symbol.0.as_str());
    Decimal: |number, out| push_quoted(out, number.0);
    DateTime: |instant, out| push_quoted(out, instant.0);
    Date: |day, out| push_quoted(out, day.0);
    Int64: |number, out| push_plain(out, number.0);
    i32: |number, out| push_plain(out, number);
    bool: |flag, out| push_plain(out, flag);
    AlertKind: |kind, out| push_quoted(out, name(*kind));
    DeliveryState: |kind, out| push_quoted(out, name(*kind));
    Direction: |kind, out| push_quoted(out, name(*kind));
    ChangeBase: |kind, out| push_quoted(out, name(*kind));
    PriceBasis: |kind, out| push_quoted(out, name(*kind));
    Market: |kind, out| push_quoted(out, name(*kind));
    Trigger: |kind, out| push_quoted(out, name(*kind));
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn push_json(&self, out: &mut String) -> Result<(), Error> {
        if let Some(value) = self {
            return value.push_json(out);
        }
        out.push_str("null");
        Ok(())
    }
}

impl<T: ColumnValue> ColumnValue for Result<T, Error> {
    fn push_json(&self, out: &mut String) -> Result<(), Error> {
        self.as_ref().map_err(Clone::clone)?.push_json(out)
    }
}

fn name<T: EnumType>(value: T) -> &'static str {
    let item = T::items().iter().find(|item| item.value == value);
    item.map_or("", |item| item.name)
}
