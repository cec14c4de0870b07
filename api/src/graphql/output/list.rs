//! Lists of rows, told in one pass instead of by a future for every field.
//!
//! One invariant: the data is, byte for byte, that of the library's own resolution. What a pass cannot do is left to the
//! library: a field that is loaded, or a whole list whose selection has to be merged with another. Errors are the
//! library's too, but say which row's field failed, where the library says only which row's.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

#[cfg(any(test, feature = "bench"))]
use async_graphql::resolver_utils::resolve_list;
use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use futures_util::future::try_join_all;

use super::{
    plan::{Program, placed},
    row::{ConnectionNode, Row},
};

/// A list of rows.
pub(in crate::graphql) struct Rows<'a, T: Clone>(Cow<'a, [T]>);

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
pub(in crate::graphql) struct Edges<'a, T>(pub(in crate::graphql) &'a [T]);

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
                if ctx.data_opt() == Some(&crate::graphql::sample::Way::Library) {
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
list!(Edges<T: ConnectionNode> as Vec<T::Edge>, Program::of_edges, |edges, ctx| {
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
