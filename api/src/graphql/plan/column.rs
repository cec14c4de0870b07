//! Columns: fields that are computed from a row alone.
//!
//! Their JSON is the same as that of the value that async-graphql would produce.

use async_graphql::{ID, resolver_utils::EnumType};
use chrono::NaiveDate;
use entity::{Decimal, Symbol, Timestamp};

use crate::graphql::{
    enums::{AlertKind, ChangeBase, Direction, Freshness, Market, PriceBasis, Trigger},
    json::{push_plain, push_text, push_written},
};

/// The value of a column.
pub(in crate::graphql) trait ColumnValue {
    /// Appends the value as JSON.
    fn push_json(&self, out: &mut Vec<u8>);
}

/// Implements [`ColumnValue`].
macro_rules! column_values {
    ($($kind:ty: |$value:ident, $out:ident| $push:expr;)+) => {
        $(impl ColumnValue for $kind {
            fn push_json(&self, $out: &mut Vec<u8>) {
                let $value = self;
                $push;
            }
        })+
    };
}

column_values! {
    &str: |text, out| push_text(out, text);
    String: |text, out| push_text(out, text);
    ID: |id, out| push_text(out, id);
    &Symbol: |symbol, out| push_text(out, symbol.as_str());
    Decimal: |number, out| push_written(out, |out| number.write_to(out));
    Timestamp: |instant, out| push_written(out, |out| instant.write_to(out));
    NaiveDate: |day, out| push_written(out, |out| push_plain(out, day));
    i64: |number, out| out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
    i32: |number, out| out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes());
    bool: |flag, out| push_plain(out, flag);
    AlertKind: |kind, out| push_name(out, *kind);
    Direction: |kind, out| push_name(out, *kind);
    Freshness: |kind, out| push_name(out, *kind);
    ChangeBase: |kind, out| push_name(out, *kind);
    PriceBasis: |kind, out| push_name(out, *kind);
    Market: |kind, out| push_name(out, *kind);
    Trigger: |kind, out| push_name(out, *kind);
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn push_json(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.push_json(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

fn push_name<T: EnumType>(out: &mut Vec<u8>, value: T) {
    let item = T::items().iter().find(|item| item.value == value);
    let name = item.map_or("", |item| item.name);
    push_written(out, |out| out.extend_from_slice(name.as_bytes()));
}

/// Declares the columns of an object, by name in the schema. `$row` is the row that the object
/// wraps.
macro_rules! columns {
    ($object:ty, |$row:ident, $run:ident| { $($field:ident: $value:expr),+ $(,)? }) => {
        impl $object {
            /// Returns the function that writes a column.
            fn column(field: &str) -> Option<$crate::graphql::plan::Writer<Self>> {
                // The schema has a field `final`, which is a keyword.
                let is = |name: &str| name.trim_start_matches("r#") == field;
                $(if is(stringify!($field)) {
                    return Some(Box::new(|object, $run, out| {
                        let $row = &object.0;
                        $crate::graphql::plan::ColumnValue::push_json(&$value, out);
                        let _ = $run;
                        Ok(())
                    }));
                })+
                None
            }
        }
    };
}

pub(in crate::graphql) use columns;
