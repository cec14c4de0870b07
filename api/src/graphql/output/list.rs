//! Lists of rows that are written as JSON in one pass, without a future for each field.
//!
//! The data is byte for byte the same as that of async-graphql, which still resolves the fields
//! that load data and the lists without a [`ListPlan`]. Only the path of an error differs: it ends
//! at the field that failed; that of async-graphql ends at the row.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use async_graphql::{
    ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use futures_util::future::try_join_all;

use super::{
    plan::{ListPlan, with_path},
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

/// Implements the output type of a list. In the schema it is the type `$vec`. It is written by the
/// plan that `$plan` returns or, without a plan, resolved from the items `$items`.
macro_rules! list {
    ($list:ident<$row:ident: $bound:path> as $vec:ty, $plan:path, |$it:ident, $ctx:ident| $items:expr) => {
        impl<$row: $bound> OutputType for $list<'_, $row> {
            fn type_name() -> Cow<'static, str> {
                <$vec>::type_name()
            }

            fn qualified_type_name() -> String {
                <$vec>::qualified_type_name()
            }

            fn create_type_info(registry: &mut Registry) -> String {
                <$vec>::create_type_info(registry)
            }

            async fn resolve(
                &self,
                ctx: &ContextSelectionSet<'_>,
                field: &Positioned<Field>,
            ) -> ServerResult<Value> {
                match $plan(ctx) {
                    Some(plan) => plan.write(ctx, &self.0).await,
                    None => {
                        let ($it, $ctx) = (self, ctx);
                        resolve_items(ctx, field, $items).await
                    }
                }
            }
        }
    };
}

list!(Rows<T: Row> as Vec<T>, ListPlan::of_rows, |rows, _ctx| rows.0.iter());
list!(Edges<T: ConnectionNode> as Vec<T::Edge>, ListPlan::of_edges, |edges, ctx| {
    edges.0.iter().map(|row| row.edge(ctx))
});

/// Resolves a list with a future for each of its items, as async-graphql does.
async fn resolve_items<T: OutputType>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    items: impl Iterator<Item = T>,
) -> ServerResult<Value> {
    let resolved = items.enumerate().map(async |(at, item)| {
        let ctx = ctx.with_index(at);
        let resolved = item.resolve(&ctx, field).await;
        resolved.map_err(|error| with_path(&ctx, error))
    });
    Ok(Value::List(try_join_all(resolved).await?))
}
