//! Fields that share a name in the response: "Field Selection Merging" of the specification.
//!
//! Invariant: selections of one response path are joined while they are read, so that no field is
//! compared with each other one. What remains per name is one node for interfaces and unions
//! together and one for each object type; only the former is compared with the latter. Where such
//! nodes are nested in each other that can take as many steps as there are pairs of them, and then
//! steps run out. Called for each operation, after the budget.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use async_graphql::{
    Pos, Positioned,
    parser::types::{BaseType, ExecutableDocument, Field, Selection, SelectionSet, Type},
};

use super::schema::{Types, base};

/// Two fields that cannot both have their name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Conflict {
    pub(super) at: [Pos; 2],
    pub(super) message: String,
}

/// The steps are used up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exhausted;

/// Judges operations of one document.
pub(super) struct Merge<'a> {
    types: &'a Types,
    document: &'a ExecutableDocument,
    /// Fields looked at or compared.
    pub(super) steps: u64,
    limit: u64,
    pub(super) conflicts: Vec<Conflict>,
}

/// A merged selection set: by name in the response, and then by object type; `None` is a type
/// whose values may be of any other one.
#[derive(Default)]
struct Set<'a> {
    fields: HashMap<&'a str, HashMap<Option<&'a str>, Node<'a>>>,
    /// Fragments that are in it already.
    spreads: HashSet<&'a str>,
}

struct Node<'a> {
    /// The first of those that are one.
    field: &'a Positioned<Field>,
    set: Set<'a>,
}

/// What a name in the response holds, whatever the object's type.
struct Shape<'a> {
    field: &'a Positioned<Field>,
    ty: &'a Type,
    fields: Shapes<'a>,
}

type Shapes<'a> = HashMap<&'a str, Shape<'a>>;

impl<'a> Merge<'a> {
    pub(super) fn new(types: &'a Types, document: &'a ExecutableDocument, limit: u64) -> Self {
        Self {
            types,
            document,
            steps: 0,
            limit,
            conflicts: Vec::new(),
        }
    }

    /// Judges an operation, fragments expanded.
    pub(super) fn check(&mut self, set: &'a SelectionSet, root: &'a str) -> Result<(), Exhausted> {
        let (mut merged, mut shapes) = (Set::default(), Shapes::new());
        self.read(set, root, &mut merged, &mut shapes)?;
        self.compare_all(&merged)
    }

    fn step(&mut self) -> Result<(), Exhausted> {
        self.steps += 1;
        if self.steps > self.limit {
            return Err(Exhausted);
        }
        Ok(())
    }

    fn read(
        &mut self,
        set: &'a SelectionSet,
        parent: &'a str,
        merged: &mut Set<'a>,
        shapes: &mut Shapes<'a>,
    ) -> Result<(), Exhausted> {
        for selection in &set.items {
            self.step()?;
            match &selection.node {
                Selection::Field(field) => self.read_field(field, parent, merged, shapes)?,
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let parent = condition.map_or(parent, |condition| &condition.node.on.node);
                    self.read(&fragment.node.selection_set.node, parent, merged, shapes)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && merged.spreads.insert(name)
                    {
                        let parent = &fragment.node.type_condition.node.on.node;
                        self.read(&fragment.node.selection_set.node, parent, merged, shapes)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn read_field(
        &mut self,
        field: &'a Positioned<Field>,
        parent: &'a str,
        merged: &mut Set<'a>,
        shapes: &mut Shapes<'a>,
    ) -> Result<(), Exhausted> {
        let types = self.types;
        let Some(output) = types.field(parent, &field.node.name.node) else {
            return Ok(());
        };
        let key = field.node.response_key().node.as_str();
        let shape = shapes.entry(key).or_insert_with(|| Shape {
            field,
            ty: &output.ty,
            fields: Shapes::new(),
        });
        if !same_shape(types, shape.ty, &output.ty) {
            let why = format!("`{}` and `{}` are different types", shape.ty, output.ty);
            self.conflict(shape.field, field, &why);
            return Ok(());
        }
        let parent = types.is_object(parent).then_some(parent);
        let node = match merged.fields.entry(key).or_default().entry(parent) {
            Entry::Occupied(node) => {
                let node = node.into_mut();
                if !self.same(node.field, field) {
                    return Ok(());
                }
                node
            }
            Entry::Vacant(place) => place.insert(Node {
                field,
                set: Set::default(),
            }),
        };
        let within = base(&output.ty);
        let set = &field.node.selection_set.node;
        self.read(set, within, &mut node.set, &mut shape.fields)
    }

    /// Compares what may be of any type with what is of one, here and below.
    fn compare_all(&mut self, set: &Set<'a>) -> Result<(), Exhausted> {
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

    /// Compares two nodes that one object may have.
    fn compare(&mut self, one: &Node<'a>, other: &Node<'a>) -> Result<(), Exhausted> {
        self.step()?;
        if !self.same(one.field, other.field) {
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

    /// Whether both are the same field with the same arguments.
    fn same(&mut self, one: &Positioned<Field>, other: &Positioned<Field>) -> bool {
        let (field, with) = (&one.node, &other.node);
        if std::ptr::eq(one, other) {
            return true;
        }
        if field.name.node != with.name.node {
            let why = format!("`{}` and `{}` are different fields", field.name, with.name);
            self.conflict(one, other, &why);
            return false;
        }
        if !same_arguments(field, with) {
            self.conflict(one, other, "their arguments differ");
            return false;
        }
        true
    }

    fn conflict(&mut self, one: &Positioned<Field>, other: &Positioned<Field>, why: &str) {
        if self.conflicts.len() >= super::MOST_ERRORS {
            return;
        }
        let key = &one.node.response_key().node;
        let mut at = [one.pos, other.pos];
        at.sort_unstable();
        let message =
            format!("two fields have the name `{key}` in the response, but {why}: use aliases");
        self.conflicts.push(Conflict { at, message });
    }
}

/// Whether one field of a response may hold values of both.
fn same_shape(types: &Types, one: &Type, other: &Type) -> bool {
    one.nullable == other.nullable
        && match (&one.base, &other.base) {
            (BaseType::List(one), BaseType::List(other)) => same_shape(types, one, other),
            (BaseType::Named(one), BaseType::Named(other)) => {
                one == other || !(types.is_leaf(one) || types.is_leaf(other))
            }
            _ => false,
        }
}

/// In any order.
fn same_arguments(one: &Field, other: &Field) -> bool {
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
