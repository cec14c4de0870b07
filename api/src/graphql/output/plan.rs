//! Compiles the selection of a list into steps that write each row.
//!
//! A plan exists only if exactly one selection of the document leads to the list: async-graphql
//! cannot merge two raw values, so repeated selections are left to it.

use std::iter::once;

use async_graphql::{
    Context, ContextSelectionSet, OutputType, Positioned, QueryPathSegment, ServerError,
    ServerResult, Value,
    indexmap::{IndexMap, map::Entry},
    parser::types::{Field, Selection, SelectionSet},
};
use futures_util::{FutureExt, future::try_join_all};

use super::{
    json::{push_text, push_value, raw},
    row::{Column, ConnectionNode, Row},
};
use crate::graphql::context::service;

/// The steps that write the rows of a list.
pub(super) struct ListPlan<'a, T> {
    steps: Vec<PlanStep<'a, T>>,
    loads: Vec<LoadedField<'a>>,
}

enum PlanStep<'a, T> {
    /// Appends text that is the same in every row.
    Text(String),
    /// Appends a value of the row.
    Column(Context<'a>, Column<T>),
    /// Appends the next loaded value.
    Loaded,
}

/// A field that async-graphql resolves.
struct LoadedField<'a> {
    /// The field `node` of the edge, if the list is one of edges.
    node: Option<&'a Positioned<Field>>,
    field: &'a Positioned<Field>,
}

/// The fields of a selection by response key, in order.
type Fields<'a> = IndexMap<&'a str, &'a Positioned<Field>>;

impl<'a, T: Row> ListPlan<'a, T> {
    /// Returns the plan of a list of rows, or `None` if async-graphql must resolve it.
    pub(super) fn of_rows(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        let mut plan = Self::new(ctx)?;
        plan.push_row(ctx, None)?;
        Some(plan)
    }

    fn new(ctx: &ContextSelectionSet<'_>) -> Option<Self> {
        is_selected_once(ctx).then(|| Self {
            steps: Vec::new(),
            loads: Vec::new(),
        })
    }

    fn push_row(
        &mut self,
        ctx: &'a ContextSelectionSet<'a>,
        node: Option<&'a Positioned<Field>>,
    ) -> Option<()> {
        let set = node.map_or(ctx.item, |node| &node.node.selection_set);
        self.push_object(ctx, set, &T::type_name(), |plan, field| {
            if let Some(column) = T::column(&field.node.name.node) {
                plan.push_column(ctx, field, column);
            } else {
                plan.loads.push(LoadedField { node, field });
                plan.steps.push(PlanStep::Loaded);
            }
            Some(())
        })
    }

    fn push_object(
        &mut self,
        ctx: &'a ContextSelectionSet<'a>,
        set: &'a Positioned<SelectionSet>,
        type_name: &str,
        push: impl Fn(&mut Self, &'a Positioned<Field>) -> Option<()>,
    ) -> Option<()> {
        let mut fields = Fields::new();
        collect(ctx, &set.node, type_name, &mut fields)?;
        self.push_text("{");
        for (at, (key, field)) in fields.into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            self.push_text(&format!("{comma}\"{key}\":"));
            if field.node.name.node == "__typename" {
                self.push_text(&format!("\"{type_name}\""));
            } else {
                push(self, field)?;
            }
        }
        self.push_text("}");
        Some(())
    }

    fn push_column(
        &mut self,
        ctx: &'a ContextSelectionSet<'a>,
        field: &'a Positioned<Field>,
        column: Column<T>,
    ) {
        self.steps
            .push(PlanStep::Column(ctx.with_field(field), column));
    }

    fn push_text(&mut self, text: &str) {
        match self.steps.last_mut() {
            Some(PlanStep::Text(last)) => last.push_str(text),
            _ => self.steps.push(PlanStep::Text(text.to_owned())),
        }
    }

    /// Writes the rows. `ctx` is the context of the list.
    pub(super) async fn write(
        &self,
        ctx: &ContextSelectionSet<'_>,
        rows: &[T],
    ) -> ServerResult<Value> {
        let loaded = if self.loads.is_empty() {
            Vec::new()
        } else {
            try_join_all(rows.iter().enumerate().map(|row| self.load(ctx, row))).await?
        };
        let mut loaded = loaded.into_iter().flatten();
        let mut out = String::from("[");
        for (at, row) in rows.iter().enumerate() {
            if at == 1 {
                // The first row estimates the length of the others.
                out.reserve((out.len() + 32) * rows.len());
            }
            if at > 0 {
                out.push(',');
            }
            for step in &self.steps {
                match step {
                    PlanStep::Text(text) => out.push_str(text),
                    PlanStep::Loaded => push_value(&mut out, &loaded.next().unwrap_or_default()),
                    PlanStep::Column(field, column) => {
                        column(row, field, &mut out).map_err(|error| {
                            let error = error.into_server_error(field.item.pos);
                            ctx.with_index(at).set_error_path(error)
                        })?;
                    }
                }
            }
        }
        out.push(']');
        Ok(raw(out))
    }

    async fn load(
        &self,
        ctx: &ContextSelectionSet<'_>,
        (at, row): (usize, &T),
    ) -> ServerResult<Vec<Value>> {
        let ctx = ctx.with_index(at);
        let loads = self.loads.iter().map(|load| load.resolve(&ctx, row));
        let loaded = try_join_all(loads).await;
        loaded.map_err(|error| with_path(&ctx, error))
    }
}

impl<'a, T: ConnectionNode> ListPlan<'a, T> {
    /// Returns the plan of a list of edges, or `None` if async-graphql must resolve it.
    pub(super) fn of_edges(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        let mut plan = Self::new(ctx)?;
        plan.push_object(ctx, ctx.item, &T::Edge::type_name(), |plan, field| {
            match &*field.node.name.node {
                "cursor" => plan.push_column(ctx, field, |row, ctx, out| {
                    push_text(out, &row.list_cursor(service(ctx)?));
                    Ok(())
                }),
                "node" => plan.push_row(ctx, Some(field))?,
                _ => return None,
            }
            Some(())
        })?;
        Some(plan)
    }
}

impl LoadedField<'_> {
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, row: &impl Row) -> ServerResult<Value> {
        let node = self.node.map(|node| {
            ctx.with_field(node)
                .with_selection_set(&node.node.selection_set)
        });
        let ctx = node.as_ref().unwrap_or(ctx).with_field(self.field);
        // Boxed, because lists nest: the future would contain itself.
        let value = row.resolve_field(&ctx).boxed().await?;
        Ok(value.unwrap_or_default())
    }
}

/// Collects the fields of a selection. Returns `None` if async-graphql must merge some of them or
/// apply a directive.
fn collect<'a>(
    ctx: &ContextSelectionSet<'a>,
    set: &'a SelectionSet,
    type_name: &str,
    fields: &mut Fields<'a>,
) -> Option<()> {
    for selection in &set.items {
        match part(ctx, &selection.node)? {
            Part::Field(field) => {
                // async-graphql has already applied and removed `@skip` and `@include`.
                if !field.node.directives.is_empty() {
                    return None;
                }
                match fields.entry(&field.node.response_key().node) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(field);
                    }
                    Entry::Occupied(_) if field.node.selection_set.node.items.is_empty() => {}
                    Entry::Occupied(_) => return None,
                }
            }
            Part::Fragment(on, set) => {
                let implements = &ctx.schema_env.registry.implements;
                let applies = |on: &str| {
                    on == type_name
                        || implements
                            .get(type_name)
                            .is_some_and(|all| all.contains(on))
                };
                if on.is_none_or(applies) {
                    collect(ctx, set, type_name, fields)?;
                }
            }
        }
    }
    Some(())
}

/// Whether exactly one selection of the operation leads to `ctx`, whatever the types on the way.
fn is_selected_once(ctx: &ContextSelectionSet<'_>) -> bool {
    let Some(end) = &ctx.path_node else {
        return false;
    };
    let key = |segment| match segment {
        QueryPathSegment::Name(key) => Some(key),
        QueryPathSegment::Index(_) => None,
    };
    let path = once(end).chain(end.parents());
    let path: Vec<&str> = path.filter_map(|node| key(node.segment)).collect();
    let mut sets = vec![&ctx.query_env.operation.node.selection_set.node];
    for key in path.into_iter().rev() {
        let mut found = Vec::new();
        for set in sets {
            find(ctx, set, key, &mut found);
        }
        sets = found;
    }
    sets.len() == 1
}

/// Finds the selections of all fields with this response key.
fn find<'a>(
    ctx: &ContextSelectionSet<'a>,
    set: &'a SelectionSet,
    key: &str,
    found: &mut Vec<&'a SelectionSet>,
) {
    for selection in &set.items {
        match part(ctx, &selection.node) {
            Some(Part::Field(field)) if field.node.response_key().node == key => {
                found.push(&field.node.selection_set.node);
            }
            Some(Part::Fragment(_, set)) => find(ctx, set, key, found),
            _ => {}
        }
    }
}

/// A part of a selection, with its fragment resolved.
enum Part<'a> {
    Field(&'a Positioned<Field>),
    /// The type condition and the selection of a fragment.
    Fragment(Option<&'a str>, &'a SelectionSet),
}

fn part<'a>(ctx: &ContextSelectionSet<'a>, selection: &'a Selection) -> Option<Part<'a>> {
    Some(match selection {
        Selection::Field(field) => Part::Field(field),
        Selection::InlineFragment(fragment) => {
            let on = fragment.node.type_condition.as_ref();
            Part::Fragment(
                on.map(|on| &*on.node.on.node),
                &fragment.node.selection_set.node,
            )
        }
        Selection::FragmentSpread(spread) => {
            let fragment = ctx
                .query_env
                .fragments
                .get(&spread.node.fragment_name.node)?;
            let on = &fragment.node.type_condition.node.on.node;
            Part::Fragment(Some(on), &fragment.node.selection_set.node)
        }
    })
}

/// Adds the path of `ctx` to an error that has none.
pub(super) fn with_path(ctx: &ContextSelectionSet<'_>, error: ServerError) -> ServerError {
    if error.path.is_empty() {
        ctx.set_error_path(error)
    } else {
        error
    }
}
