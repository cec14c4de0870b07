//! Plain values: what is written without being waited for.
//!
//! One invariant: a plain value's JSON is that of the value which the library would make of it.

use async_graphql::{Error, ID, resolver_utils::EnumType};

use super::json::{push_plain, push_quoted, push_text};
use crate::graphql::{
    enums::{AlertKind, ChangeBase, Direction, Market, Trigger},
    scalar::{Cursor, Date, DateTime, Decimal, Int64, Symbol},
};

/// What a row's column holds.
pub(in crate::graphql) trait ColumnValue {
    /// Writes it as JSON, or says why it cannot be told.
    fn push_json(&self, out: &mut String) -> Result<(), Error>;
}

/// Declares how values are written that cannot fail.
macro_rules! plain {
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

plain! {
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
    Direction: |kind, out| push_quoted(out, name(*kind));
    ChangeBase: |kind, out| push_quoted(out, name(*kind));
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
