//! Compiles selections: applies `@skip` and `@include`, expands fragments, and merges fields.

use async_graphql::{
    Name, Positioned, Value, Variables,
    indexmap::IndexMap,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
    },
};
use async_graphql_value::Value as DocumentValue;

use super::{
    object::{ObjectPlan, Planned, Steps},
    value_of,
};

/// Compiles the selections of one operation.
pub(in crate::graphql) struct Compiler<'a> {
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    /// Used for `@skip` and `@include` only.
    variables: &'a Variables,
}

/// A field with all of its selections in the document.
pub(in crate::graphql) struct SelectedField<'a> {
    field: &'a Field,
    sets: Vec<&'a SelectionSet>,
}

/// The fields of an object by response key, in order.
type Fields<'a> = IndexMap<&'a str, SelectedField<'a>>;

impl<'a> SelectedField<'a> {
    /// The name of the field in the schema.
    pub(in crate::graphql) fn name(&self) -> &'a str {
        &self.field.name.node
    }

    pub(super) fn arguments(&self) -> impl Iterator<Item = (&'a Name, &'a DocumentValue)> {
        let arguments = self.field.arguments.iter();
        arguments.map(|(name, value)| (&name.node, &value.node))
    }
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        document: &'a ExecutableDocument,
        operation: &'a OperationDefinition,
        variables: &'a Variables,
    ) -> Self {
        Self {
            document,
            operation,
            variables,
        }
    }

    pub(super) fn operation(&self) -> &'a OperationDefinition {
        self.operation
    }

    /// Compiles the selections of a field.
    pub(in crate::graphql) fn object<T: Planned>(
        &self,
        field: &SelectedField<'a>,
    ) -> Option<ObjectPlan<T>> {
        self.object_of(&field.sets)
    }

    /// Compiles selections of an object.
    pub(super) fn object_of<T: Planned>(&self, sets: &[&'a SelectionSet]) -> Option<ObjectPlan<T>> {
        let steps = self.steps(sets, T::NAME, T::INTERFACES, |field| T::field(field, self));
        steps.map(ObjectPlan)
    }

    /// Compiles the selections of a field of the type `type_name`, with `compile` for each field in
    /// them.
    pub(super) fn steps_of<W>(
        &self,
        field: &SelectedField<'a>,
        type_name: &str,
        compile: impl FnMut(&SelectedField<'a>) -> Option<W>,
    ) -> Option<Steps<W>> {
        self.steps(&field.sets, type_name, &[], compile)
    }

    fn steps<W>(
        &self,
        sets: &[&'a SelectionSet],
        type_name: &str,
        interfaces: &[&str],
        mut compile: impl FnMut(&SelectedField<'a>) -> Option<W>,
    ) -> Option<Steps<W>> {
        let mut fields = Fields::new();
        let applies = |on: &str| on == type_name || interfaces.contains(&on);
        for set in sets {
            self.collect(set, &applies, &mut fields)?;
        }
        let mut steps = Steps::default();
        steps.push_text("{");
        for (at, (key, field)) in fields.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            steps.push_text(&format!("{comma}\"{key}\":"));
            if field.name() == "__typename" {
                steps.push_text(&format!("\"{type_name}\""));
            } else {
                steps.push_field(compile(field)?);
            }
        }
        steps.push_text("}");
        Some(steps)
    }

    fn collect(
        &self,
        set: &'a SelectionSet,
        applies: &impl Fn(&str) -> bool,
        fields: &mut Fields<'a>,
    ) -> Option<()> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    if self.is_included(&field.node.directives)? {
                        let key = field.node.response_key().node.as_str();
                        let selected = fields.entry(key).or_insert_with(|| SelectedField {
                            field: &field.node,
                            sets: Vec::new(),
                        });
                        selected.sets.push(&field.node.selection_set.node);
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on = fragment.type_condition.as_ref();
                    if self.is_included(&fragment.directives)?
                        && on.is_none_or(|on| applies(&on.node.on.node))
                    {
                        self.collect(&fragment.selection_set.node, applies, fields)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = &self.document.fragments.get(name)?.node;
                    if !fragment.directives.is_empty() {
                        return None;
                    }
                    if self.is_included(&spread.node.directives)?
                        && applies(&fragment.type_condition.node.on.node)
                    {
                        self.collect(&fragment.selection_set.node, applies, fields)?;
                    }
                }
            }
        }
        Some(())
    }

    /// Whether `@skip` and `@include` include a selection. `None` if there is another directive.
    fn is_included(&self, directives: &[Positioned<Directive>]) -> Option<bool> {
        let mut included = true;
        for directive in directives {
            let expected = match directive.node.name.node.as_str() {
                "include" => true,
                "skip" => false,
                _ => return None,
            };
            let value = match &directive.node.get_argument("if")?.node {
                DocumentValue::Boolean(value) => *value,
                DocumentValue::Variable(name) => {
                    match value_of(name, self.operation, self.variables)? {
                        Value::Boolean(value) => *value,
                        _ => return None,
                    }
                }
                _ => return None,
            };
            included &= value == expected;
        }
        Some(included)
    }
}

/// The variables that `@skip` and `@include` use anywhere in a document.
pub(super) fn condition_variables(document: &ExecutableDocument) -> Vec<Name> {
    fn add(directives: &[Positioned<Directive>], names: &mut Vec<Name>) {
        for directive in directives {
            if let Some(value) = directive.node.get_argument("if")
                && let DocumentValue::Variable(name) = &value.node
                && !names.contains(name)
            {
                names.push(name.clone());
            }
        }
    }
    fn visit(set: &SelectionSet, names: &mut Vec<Name>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    add(&field.node.directives, names);
                    visit(&field.node.selection_set.node, names);
                }
                Selection::InlineFragment(fragment) => {
                    add(&fragment.node.directives, names);
                    visit(&fragment.node.selection_set.node, names);
                }
                Selection::FragmentSpread(spread) => add(&spread.node.directives, names),
            }
        }
    }
    let mut names = Vec::new();
    for (_, operation) in document.operations.iter() {
        visit(&operation.node.selection_set.node, &mut names);
    }
    for fragment in document.fragments.values() {
        visit(&fragment.node.selection_set.node, &mut names);
    }
    names
}
