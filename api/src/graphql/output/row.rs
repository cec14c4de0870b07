//! Rows of lists. A field that needs nothing but the row is a column.

use async_graphql::{Context, ContextSelectionSet, Error, ObjectType, Result};

use crate::service::Service;

/// An object that occurs in lists.
pub(in crate::graphql) trait Row: ObjectType + Clone {
    /// Returns how to write a field that needs nothing but the row; `None` for a field that loads
    /// something.
    fn column(field: &str) -> Option<Column<Self>>;
}

/// Writes one field of a row.
pub(in crate::graphql) type Column<T> = fn(&T, &Context<'_>, &mut String) -> Result<(), Error>;

/// Declares which of an object's resolvers are columns: those that only read the row. A resolver
/// that must be async is given as a closure beside its name.
macro_rules! columns {
    ($row:ty { $($field:ident $(= $value:expr)?),+ $(,)? }) => {
        impl $crate::graphql::output::Row for $row {
            fn column(field: &str) -> Option<$crate::graphql::output::Column<Self>> {
                $(if $crate::graphql::output::is_named(field, stringify!($field)) {
                    return Some(|row, ctx, out| {
                        let value =
                            $crate::graphql::output::columns!(@value row ctx $field $($value)?);
                        $crate::graphql::output::ColumnValue::push_json(&value, out)
                    });
                })+
                None
            }
        }
    };
    (@value $row:ident $ctx:ident $field:ident) => { $row.$field($ctx) };
    (@value $row:ident $ctx:ident $field:ident $value:expr) => { ($value)($row, $ctx) };
}

pub(in crate::graphql) use columns;

/// Whether a field's name is that of a resolver: `previousClose` of `previous_close`, `final` of
/// `r#final`.
pub(in crate::graphql) fn is_named(field: &str, resolver: &str) -> bool {
    let mut letters = resolver.trim_start_matches("r#").bytes();
    let same = |letter: u8| match letters.next() {
        Some(b'_') => letters.next().map(|next| next.to_ascii_uppercase()) == Some(letter),
        next => next == Some(letter),
    };
    field.bytes().all(same) && letters.next().is_none()
}

/// A row of a connection: it has a cursor and an edge.
pub(in crate::graphql) trait ConnectionNode: Row {
    /// The type of the edge that leads to the row.
    type Edge: ObjectType;

    /// Returns the position of the row in its list, as a cursor.
    fn list_cursor(&self, service: &Service) -> String;

    /// Returns the edge of the row.
    fn edge(&self, ctx: &ContextSelectionSet<'_>) -> Result<Self::Edge>;
}
