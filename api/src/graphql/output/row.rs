//! Rows of lists, and their columns: the fields that are computed from the row alone.

use async_graphql::{Context, ContextSelectionSet, Error, ObjectType, Result};

use crate::service::Service;

/// An object that occurs in lists.
pub(in crate::graphql) trait Row: ObjectType + Clone {
    /// Returns the function that writes a column; `None` if the field loads data.
    fn column(field: &str) -> Option<Column<Self>>;
}

/// Writes one field of a row.
pub(in crate::graphql) type Column<T> = fn(&T, &Context<'_>, &mut String) -> Result<(), Error>;

/// Declares which resolvers of an object are columns. An async resolver is replaced by a closure,
/// which follows its name.
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
