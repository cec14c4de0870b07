//! Validates that fields with the same response name can be merged ("Field Selection Merging").
//!
//! Selections of one response path are merged while they are visited, so fields are not compared
//! pairwise. For each response name, one node holds the fields of all interfaces and unions, and
//! one node holds the fields of each object type; only the first kind is compared with the second.
//! Where such nodes are nested in each other, the comparison can take as many steps as there are
//! pairs, so the number of steps is limited. Called for each operation, after the budget check.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use async_graphql::{
    Pos, Positioned,
    parser::types::{BaseType, ExecutableDocument, Field, Selection, SelectionSet, Type},
};

use super::schema::{Types, base};

/// Two fields that cannot share a response name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Conflict {
    pub(super) at: [Pos; 2],
    pub(super) message: String,
}

/// The step limit was reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StepLimitExceeded;

/// Merges the selections of the operations of one document.
pub(super) struct FieldMerger<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    /// Fields visited or compared.
    pub(super) steps: u64,
    limit: u64,
    pub(super) conflicts: Vec<Conflict>,
}

/// A merged selection set: fields by response name, then by object type. The key `None` is for
/// fields of interfaces and unions, which can occur on any object.
#[derive(Default)]
struct MergedSet<'a> {
    fields: HashMap<&'a str, HashMap<Option<&'a str>, MergedField<'a>>>,
    /// Fragments already merged into this set.
    spreads: HashSet<&'a str>,
}

struct MergedField<'a> {
    /// The first of the merged fields.
    field: &'a Positioned<Field>,
    set: MergedSet<'a>,
}

/// The type of the value at a response name, independent of the parent type.
struct ResponseShape<'a> {
    field: &'a Positioned<Field>,
    ty: &'a Type,
    fields: ResponseShapes<'a>,
}

type ResponseShapes<'a> = HashMap<&'a str, ResponseShape<'a>>;

impl<'a> FieldMerger<'a> {
    pub(super) fn new(types: &'a Types, document: &'a ExecutableDocument, limit: u64) -> Self {
        Self {
            types,
            document,
            steps: 0,
            limit,
            conflicts: Vec::new(),
        }
    }

    /// Checks an operation, with its fragments expanded.
    pub(super) fn check(
        &mut self,
        set: &'a SelectionSet,
        root: &'a str,
    ) -> Result<(), StepLimitExceeded> {
        let (mut merged, mut shapes) = (MergedSet::default(), ResponseShapes::new());
        self.merge_selections(set, root, &mut merged, &mut shapes)?;
        self.compare_all(&merged)
    }

    fn step(&mut self) -> Result<(), StepLimitExceeded> {
        self.steps += 1;
        if self.steps > self.limit {
            return Err(StepLimitExceeded);
        }
        Ok(())
    }

    fn merge_selections(
        &mut self,
        set: &'a SelectionSet,
        parent: &'a str,
        merged: &mut MergedSet<'a>,
        shapes: &mut ResponseShapes<'a>,
    ) -> Result<(), StepLimitExceeded> {
        for selection in &set.items {
            self.step()?;
            match &selection.node {
                Selection::Field(field) => self.merge_field(field, parent, merged, shapes)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let parent = condition.map_or(parent, |condition| &condition.node.on.node);
                    self.merge_selections(
                        &fragment.node.selection_set.node,
                        parent,
                        merged,
                        shapes,
                    )?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && merged.spreads.insert(name)
                    {
                        let parent = &fragment.node.type_condition.node.on.node;
                        self.merge_selections(
                            &fragment.node.selection_set.node,
                            parent,
                            merged,
                            shapes,
                        )?;
                    }
                }
            }
        }
        Ok(())
    }

    fn merge_field(
        &mut self,
        field: &'a Positioned<Field>,
        parent: &'a str,
        merged: &mut MergedSet<'a>,
        shapes: &mut ResponseShapes<'a>,
    ) -> Result<(), StepLimitExceeded> {
        let types = self.types;
        let Some(output) = types.field(parent, &field.node.name.node) else {
            return Ok(());
        };
        let key = field.node.response_key().node.as_str();
        let shape = shapes.entry(key).or_insert_with(|| ResponseShape {
            field,
            ty: &output.ty,
            fields: ResponseShapes::new(),
        });
        if !has_same_shape(types, shape.ty, &output.ty) {
            let why = format!(
                "they return conflicting types \"{}\" and \"{}\"",
                shape.ty, output.ty
            );
            self.record_conflict(shape.field, field, &why);
            return Ok(());
        }
        let parent = types.is_object(parent).then_some(parent);
        let node = match merged.fields.entry(key).or_default().entry(parent) {
            Entry::Occupied(node) => {
                let node = node.into_mut();
                if !self.is_same_field(node.field, field) {
                    return Ok(());
                }
                node
            }
            Entry::Vacant(entry) => entry.insert(MergedField {
                field,
                set: MergedSet::default(),
            }),
        };
        let within = base(&output.ty);
        let set = &field.node.selection_set.node;
        self.merge_selections(set, within, &mut node.set, &mut shape.fields)
    }

    /// Compares the fields of interfaces and unions with those of object types, recursively.
    fn compare_all(&mut self, set: &MergedSet<'a>) -> Result<(), StepLimitExceeded> {
        for nodes in set.fields.values() {
            for (parent, node) in nodes {
                if let (Some(_), Some(any)) = (parent, nodes.get(&None)) {
                    self.compare(any, node)?;
                }
                self.compare_all(&node.set)?;
            }
        }
        Ok(())
    }

    /// Compares two fields that can occur on the same object.
    fn compare(
        &mut self,
        one: &MergedField<'a>,
        other: &MergedField<'a>,
    ) -> Result<(), StepLimitExceeded> {
        self.step()?;
        if !self.is_same_field(one.field, other.field) {
            return Ok(());
        }
        let (few, many) = if one.set.fields.len() < other.set.fields.len() {
            (&one.set, &other.set)
        } else {
            (&other.set, &one.set)
        };
        for (key, nodes) in &few.fields {
            self.step()?;
            let Some(others) = many.fields.get(key) else {
                continue;
            };
            for (parent, node) in nodes {
                match parent {
                    None => {
                        for other in others.values() {
                            self.compare(node, other)?;
                        }
                    }
                    Some(_) => {
                        for other in [others.get(&None), others.get(parent)]
                            .into_iter()
                            .flatten()
                        {
                            self.compare(node, other)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether both are the same field with the same arguments; records a conflict if not.
    fn is_same_field(&mut self, one: &Positioned<Field>, other: &Positioned<Field>) -> bool {
        let (field, with) = (&one.node, &other.node);
        if std::ptr::eq(one, other) {
            return true;
        }
        if field.name.node != with.name.node {
            let why = format!(
                "\"{}\" and \"{}\" are different fields",
                field.name, with.name
            );
            self.record_conflict(one, other, &why);
            return false;
        }
        if !has_same_arguments(field, with) {
            self.record_conflict(one, other, "they have differing arguments");
            return false;
        }
        true
    }

    fn record_conflict(&mut self, one: &Positioned<Field>, other: &Positioned<Field>, why: &str) {
        if self.conflicts.len() >= super::MAX_ERRORS {
            return;
        }
        let key = &one.node.response_key().node;
        let mut at = [one.pos, other.pos];
        at.sort_unstable();
        let message = format!(
            "Fields \"{key}\" conflict because {why}. Use different aliases on the fields to fetch both \
             if this was intentional."
        );
        self.conflicts.push(Conflict { at, message });
    }
}

/// Whether both types allow the same values in a response (`SameResponseShape`).
fn has_same_shape(types: &Types, one: &Type, other: &Type) -> bool {
    one.nullable == other.nullable
        && match (&one.base, &other.base) {
            (BaseType::List(one), BaseType::List(other)) => has_same_shape(types, one, other),
            (BaseType::Named(one), BaseType::Named(other)) => {
                one == other || !(types.is_leaf(one) || types.is_leaf(other))
            }
            _ => false,
        }
}

/// Compares arguments, ignoring their order.
fn has_same_arguments(one: &Field, other: &Field) -> bool {
    let (one, other) = (&one.arguments, &other.arguments);
    if one.len() != other.len() {
        return false;
    }
    let others: HashMap<_, _> = other
        .iter()
        .map(|(name, value)| (&name.node, &value.node))
        .collect();
    one.iter()
        .all(|(name, value)| others.get(&name.node) == Some(&&value.node))
}
