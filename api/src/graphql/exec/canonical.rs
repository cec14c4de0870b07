//! Computes the canonical text of a subscription: subscribers with the same text share executions.
//!
//! Two operations with the same text give the same response to the same event. The arguments of the
//! root field are left out: they select events and do not affect responses. An operation that
//! cannot be printed has no text and is not shared.

use std::{collections::BTreeSet, fmt::Write};

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// Returns the canonical text of an operation.
pub(super) fn text(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
) -> Option<String> {
    // The transport has checked that a subscription selects exactly one root field.
    let mut items = operation.selection_set.node.items.iter();
    let root = items.find_map(|item| match &item.node {
        Selection::Field(field) => Some(field),
        _ => None,
    })?;
    let mut printer = CanonicalPrinter {
        document,
        text: String::new(),
        used: BTreeSet::new(),
        fragments: BTreeSet::new(),
    };
    let field = &root.node;
    write!(
        printer.text,
        "{}:{}",
        field.response_key().node,
        field.name.node
    )
    .ok()?;
    printer.directives(&field.directives)?;
    printer.selection(&field.selection_set.node)?;
    for name in printer.used.clone() {
        let value = variables.get(&name).map(ToString::to_string);
        let definition = operation
            .variable_definitions
            .iter()
            .find(|definition| definition.node.name.node == name)?;
        let default = definition
            .node
            .default_value
            .as_ref()
            .map(|value| value.node.to_string());
        let kind = &definition.node.var_type.node;
        write!(printer.text, "${name}:{kind}={value:?}/{default:?}").ok()?;
    }
    Some(printer.text)
}

/// Returns the operation that a request executes.
pub(super) fn operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Option<&'a OperationDefinition> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(wanted) => operations.find(|(name, _)| name.is_some_and(|name| name == wanted)),
        None => operations.next(),
    };
    found.map(|(_, operation)| &operation.node)
}

/// Prints a selection without names of operations, fragments and unused variables.
struct CanonicalPrinter<'a> {
    document: &'a ExecutableDocument,
    text: String,
    /// Variables that affect the response.
    used: BTreeSet<Name>,
    /// Fragments that are being printed, to detect cycles.
    fragments: BTreeSet<Name>,
}

impl CanonicalPrinter<'_> {
    fn selection(&mut self, set: &SelectionSet) -> Option<()> {
        self.text.push('{');
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    write!(
                        self.text,
                        " {}:{}",
                        field.response_key().node,
                        field.name.node
                    )
                    .ok()?;
                    self.arguments(&field.arguments)?;
                    self.directives(&field.directives)?;
                    self.selection(&field.selection_set.node)?;
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    let on = fragment.type_condition.as_ref().map(|on| &on.node.on.node);
                    write!(self.text, " ...{on:?}").ok()?;
                    self.directives(&fragment.directives)?;
                    self.selection(&fragment.selection_set.node)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    let fragment = &self.document.fragments.get(name)?.node;
                    if !self.fragments.insert(name.clone()) {
                        return None;
                    }
                    write!(self.text, " ...{:?}", fragment.type_condition.node.on.node).ok()?;
                    self.directives(&spread.node.directives)?;
                    self.directives(&fragment.directives)?;
                    self.selection(&fragment.selection_set.node)?;
                    self.fragments.remove(name);
                }
            }
        }
        self.text.push('}');
        Some(())
    }

    fn directives(&mut self, directives: &[Positioned<Directive>]) -> Option<()> {
        for directive in directives {
            write!(self.text, "@{}", directive.node.name.node).ok()?;
            self.arguments(&directive.node.arguments)?;
        }
        Some(())
    }

    fn arguments(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)]) -> Option<()> {
        for (name, value) in arguments {
            write!(self.text, "({}={})", name.node, value.node).ok()?;
            self.record_variables(&value.node);
        }
        Some(())
    }

    fn record_variables(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.used.insert(name.clone());
            }
            Value::List(values) => values.iter().for_each(|value| self.record_variables(value)),
            Value::Object(fields) => fields
                .values()
                .for_each(|value| self.record_variables(value)),
            _ => {}
        }
    }
}
