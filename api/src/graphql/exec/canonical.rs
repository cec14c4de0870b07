//! What a subscription asks of each event, as a text that is the same for all who ask the same.
//!
//! One invariant: two operations with one text give the same response to the same event; the root field's arguments are
//! left out, because they choose events and do not shape them. Anything unusual gives no text, and shares with nobody.

use std::{collections::BTreeSet, fmt::Write};

use async_graphql::{
    Name, Positioned, Variables,
    parser::types::{Directive, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;

/// The text of the operation that a request chooses.
pub(super) fn text(
    document: &ExecutableDocument,
    operation_name: Option<&str>,
    variables: &Variables,
) -> Option<String> {
    let operation = operation(document, operation_name)?;
    // The transport has seen to it that there is one, and that it is all of the operation.
    let mut items = operation.selection_set.node.items.iter();
    let root = items.find_map(|item| match &item.node {
        Selection::Field(field) => Some(field),
        _ => None,
    })?;
    let mut canon = Canon {
        document,
        text: String::new(),
        used: BTreeSet::new(),
        fragments: BTreeSet::new(),
    };
    let field = &root.node;
    write!(
        canon.text,
        "{}:{}",
        field.response_key().node,
        field.name.node
    )
    .ok()?;
    canon.directives(&field.directives)?;
    canon.selection(&field.selection_set.node)?;
    for name in canon.used.clone() {
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
        write!(canon.text, "${name}:{kind}={value:?}/{default:?}").ok()?;
    }
    Some(canon.text)
}

fn operation<'a>(
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

struct Canon<'a> {
    document: &'a ExecutableDocument,
    text: String,
    /// Variables that shape the response.
    used: BTreeSet<Name>,
    /// Fragments that are being printed, against cycles.
    fragments: BTreeSet<Name>,
}

impl Canon<'_> {
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
            self.uses(&value.node);
        }
        Some(())
    }

    fn uses(&mut self, value: &Value) {
        match value {
            Value::Variable(name) => {
                self.used.insert(name.clone());
            }
            Value::List(values) => values.iter().for_each(|value| self.uses(value)),
            Value::Object(fields) => fields.values().for_each(|value| self.uses(value)),
            _ => {}
        }
    }
}
