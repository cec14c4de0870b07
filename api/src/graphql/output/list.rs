//! Writes lists of rows in one pass, instead of one future for each field.
//!
//! The data is, byte for byte, the same as that of async-graphql. Fields that are loaded, and lists
//! whose selection must be merged with another, are left to async-graphql. The path of an error
//! also names the field; that of async-graphql ends at the row.

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

/// Implements the output of a list: in one pass if there is a plan, else through async-graphql. The
/// type in the schema is that of `$plain`.
macro_rules! list {
    ($list:ident<$row:ident: $bound:path> as $plain:ty, $plan:path, |$it:ident, $ctx:ident| $each:expr) => {
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
                if ctx.data_opt() == Some(&crate::graphql::sample::Resolver::Library) {
                    let ($it, $ctx) = (self, ctx);
                    return resolve_list(ctx, field, $each, Some(self.0.len())).await;
                }
                match $plan(ctx) {
                    Some(plan) => plan.write(ctx, &self.0).await,
                    None => {
                        let ($it, $ctx) = (self, ctx);
                        resolve_each(ctx, field, $each).await
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

/// Resolves a list with one future for each item, as async-graphql does.
async fn resolve_each<T: OutputType>(
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
    items: impl Iterator<Item = T>,
) -> ServerResult<Value> {
    let each = items.enumerate().map(async |(at, item)| {
        let ctx = ctx.with_index(at);
        let resolved = item.resolve(&ctx, field).await;
        resolved.map_err(|error| with_path(&ctx, error))
    });
    Ok(Value::List(try_join_all(each).await?))
}
