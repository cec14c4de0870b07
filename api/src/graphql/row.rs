//! Lists of rows, told in one pass instead of by a future for every field.
//!
//! One invariant: the data is, byte for byte, that of the library's own resolution. What a pass cannot do is left to the
//! library: a field that is loaded, or a whole list whose selection has to be merged with another. Errors are the
//! library's too, but say which row's field failed, where the library says only which row's.

mod program;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

#[cfg(any(test, feature = "bench"))]
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{
    Context, ContextSelectionSet, Error, ObjectType, OutputType, Positioned, ServerError,
    ServerResult, Value, parser::types::Field, registry::Registry,
};
use futures_util::future::try_join_all;

use super::connection::Listed;
use program::Program;

/// An object that lists have.
pub(super) trait Row: ObjectType + Clone {
    /// How a field is written that needs nothing to be loaded; `None` for every other.
    fn column(field: &str) -> Option<Column<Self>>;
}

/// Writes one field of a row.
pub(super) type Column<T> = fn(&T, &Context<'_>, &mut String) -> Result<(), Error>;

/// Declares which of an object's resolvers are columns: those that only read the row. One that the library must await
/// has its value told beside it.
macro_rules! columns {
    ($row:ty { $($field:ident $(= $value:expr)?),+ $(,)? }) => {
        impl $crate::graphql::row::Row for $row {
            fn column(field: &str) -> Option<$crate::graphql::row::Column<Self>> {
                $(if $crate::graphql::row::is_named(field, stringify!($field)) {
                    return Some(|row, ctx, out| {
                        let value = $crate::graphql::row::columns!(@value row ctx $field $($value)?);
                        $crate::graphql::plain::Plain::push(&value, out)
                    });
                })+
                None
            }
        }
    };
    (@value $row:ident $ctx:ident $field:ident) => { $row.$field($ctx) };
    (@value $row:ident $ctx:ident $field:ident $value:expr) => { ($value)($row, $ctx) };
}

pub(super) use columns;

/// Whether a field's name is that of a resolver: `previousClose` of `previous_close`, `final` of `r#final`.
pub(super) fn is_named(field: &str, resolver: &str) -> bool {
    let mut letters = resolver.trim_start_matches("r#").bytes();
    let same = |letter: u8| match letters.next() {
        Some(b'_') => letters.next().map(|next| next.to_ascii_uppercase()) == Some(letter),
        next => next == Some(letter),
    };
    field.bytes().all(same) && letters.next().is_none()
}

/// A list of rows.
pub(super) struct Rows<'a, T: Clone>(Cow<'a, [T]>);

impl<'a, T: Clone> From<&'a [T]> for Rows<'a, T> {
    fn from(rows: &'a [T]) -> Self {
        Self(rows.into())
    }
}

impl<T: Clone> FromIterator<T> for Rows<'_, T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

/// The edges of a list of rows.
pub(super) struct Edges<'a, T>(pub(super) &'a [T]);

/// Declares a list that is told in one pass where it can be, otherwise as the library tells the list that it stands for.
macro_rules! list {
    ($list:ident<$row:ident: $bound:path> as $plain:ty, $program:path, |$it:ident, $ctx:ident| $each:expr) => {
        impl<$row: $bound> OutputType for $list<'_, $row> {
            fn type_name() -> Cow<'static, str> {
                <$plain>::type_name()
            }

            fn qualified_type_name() -> String {
                <$plain>::qualified_type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <$plain>::create_type_info(registry)
            }

            async fn resolve(
                &self,
                ctx: &ContextSelectionSet<'_>,
                field: &Positioned<Field>,
            ) -> ServerResult<Value> {
                #[cfg(any(test, feature = "bench"))]
                if ctx.data_opt() == Some(&super::sample::Way::Library) {
                    let ($it, $ctx) = (self, ctx);
                    return resolve_list(ctx, field, $each, Some(self.0.len())).await;
                }
                match $program(ctx) {
                    Some(program) => program.run(ctx, &self.0).await,
                    None => {
                        let ($it, $ctx) = (self, ctx);
                        resolve_each(ctx, field, $each).await
                    }
                }
            }
        }
    };
}

list!(Rows<T: Row> as Vec<T>, Program::of_rows, |rows, _ctx| rows.0.iter());
list!(Edges<T: Listed> as Vec<T::Edge>, Program::of_edges, |edges, ctx| {
    edges.0.iter().map(|row| row.edge(ctx))
});

/// Resolves a list by a future for each of its items, as the library does.
async fn resolve_each<T: OutputType>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    items: impl Iterator<Item = T>,
) -> ServerResult<Value> {
    let each = items.enumerate().map(async |(at, item)| {
        let ctx = ctx.with_index(at);
        let resolved = item.resolve(&ctx, field).await;
        resolved.map_err(|error| placed(&ctx, error))
    });
    Ok(Value::List(try_join_all(each).await?))
}

/// An error that says where it happened, which it may know better already.
fn placed(ctx: &ContextSelectionSet<'_>, error: ServerError) -> ServerError {
    if error.path.is_empty() {
        ctx.set_error_path(error)
    } else {
        error
    }
}
