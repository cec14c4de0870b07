//! A selection made into steps, which are then done for each row.
//!
//! One invariant: a program is made only of what is asked once: a raw value has nothing that the library could merge
//! another into, so that a selection which is said twice is the library's to resolve, wherever in the document it is.

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

/// How rows are written.
pub(super) struct Program<'a, T> {
    steps: Vec<Step<'a, T>>,
    loads: Vec<Load<'a>>,
}

enum Step<'a, T> {
    /// What is the same in every row.
    Text(String),
    /// What the row holds.
    Column(Context<'a>, Column<T>),
    /// The next of what was loaded.
    Loaded,
}

/// A field that the library resolves.
struct Load<'a> {
    /// The edge's field that leads to the row.
    node: Option<&'a Positioned<Field>>,
    field: &'a Positioned<Field>,
}

/// The fields of a selection by their keys, in order.
type Fields<'a> = IndexMap<&'a str, &'a Positioned<Field>>;

impl<'a, T: Row> Program<'a, T> {
    /// The program of a list of rows.
    pub(super) fn of_rows(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        let mut program = Self::new(ctx)?;
        program.push_row(ctx, None)?;
        Some(program)
    }

    fn new(ctx: &ContextSelectionSet<'_>) -> Option<Self> {
        is_asked_once(ctx).then(|| Self {
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
        self.push_object(ctx, set, &T::type_name(), |program, field| {
            if let Some(column) = T::column(&field.node.name.node) {
                program.push_column(ctx, field, column);
            } else {
                program.loads.push(Load { node, field });
                program.steps.push(Step::Loaded);
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
        self.steps.push(Step::Column(ctx.with_field(field), column));
    }

    fn push_text(&mut self, text: &str) {
        match self.steps.last_mut() {
            Some(Step::Text(last)) => last.push_str(text),
            _ => self.steps.push(Step::Text(text.to_owned())),
        }
    }

    /// Writes the rows, whose list `ctx` is of.
    pub(super) async fn run(
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
                // Rows are about as long as each other.
                out.reserve((out.len() + 32) * rows.len());
            }
            if at > 0 {
                out.push(',');
            }
            for step in &self.steps {
                match step {
                    Step::Text(text) => out.push_str(text),
                    Step::Loaded => push_value(&mut out, &loaded.next().unwrap_or_default()),
                    Step::Column(field, column) => {
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
        loaded.map_err(|error| placed(&ctx, error))
    }
}

impl<'a, T: ConnectionNode> Program<'a, T> {
    /// The program of the edges of a list of rows.
    pub(super) fn of_edges(ctx: &'a ContextSelectionSet<'a>) -> Option<Self> {
        let mut program = Self::new(ctx)?;
        program.push_object(ctx, ctx.item, &T::Edge::type_name(), |program, field| {
            match &*field.node.name.node {
                "cursor" => program.push_column(ctx, field, |row, ctx, out| {
                    push_text(out, &row.cursor(service(ctx)?));
                    Ok(())
                }),
                "node" => program.push_row(ctx, Some(field))?,
                _ => return None,
            }
            Some(())
        })?;
        Some(program)
    }
}

impl Load<'_> {
    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, row: &impl Row) -> ServerResult<Value> {
        let node = self.node.map(|node| {
            ctx.with_field(node)
                .with_selection_set(&node.node.selection_set)
        });
        let ctx = node.as_ref().unwrap_or(ctx).with_field(self.field);
        // Rows are within rows; without the box their futures would be too.
        let value = row.resolve_field(&ctx).boxed().await?;
        Ok(value.unwrap_or_default())
    }
}

/// Collects what is selected of an object, unless the library has to merge something of it.
fn collect<'a>(
    ctx: &ContextSelectionSet<'a>,
    set: &'a SelectionSet,
    type_name: &str,
    fields: &mut Fields<'a>,
) -> Option<()> {
    for selection in &set.items {
        match part(ctx, &selection.node)? {
            Part::Field(field) => {
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

/// Whether a single field of the operation leads to where `ctx` is, whatever the types on the way.
fn is_asked_once(ctx: &ContextSelectionSet<'_>) -> bool {
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

/// Finds the selections of all fields of a selection that have the key.
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

enum Part<'a> {
    Field(&'a Positioned<Field>),
    /// What is selected, and on which type.
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

/// An error that says where it happened, which it may know better already.
pub(super) fn placed(ctx: &ContextSelectionSet<'_>, error: ServerError) -> ServerError {
    if error.path.is_empty() {
        ctx.set_error_path(error)
    } else {
        error
    }
}
