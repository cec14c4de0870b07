//! Validates the selections of a document against the types they select from.
//!
//! Visits each operation and each fragment once, however often a fragment is spread. Runs after the
//! budget check, which limits the nesting depth.

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
        VariableDefinition,
    },
};
use async_graphql_value::Value;

use super::{
    error_at,
    schema::{InputDefs, Types, base},
    value::{InputPosition, ValueChecker, ValueSource, VariableUsage},
};
use crate::error::code;

/// The variables and spreads of one operation or fragment, without the fragments it spreads.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) usages: Vec<VariableUsage<'a>>,
    /// The names of the spread fragments.
    pub(super) spreads: Vec<&'a Name>,
}

/// Validates the operations and fragments of one document.
#[derive(Debug)]
pub(super) struct SelectionValidator<'a> {
    types: &'a Types,
    /// Errors of the document.
    pub(super) invalid: Vec<ServerError>,
    /// Values rejected by the check of a custom scalar.
    pub(super) bad_input: Vec<ServerError>,
    /// Whether the document uses an undefined name, which async-graphql reports.
    pub(super) has_undefined: bool,
    scope: Scope<'a>,
}

impl<'a> SelectionValidator<'a> {
    pub(super) fn new(types: &'a Types) -> Self {
        Self {
            types,
            invalid: Vec::new(),
            bad_input: Vec::new(),
            has_undefined: false,
            scope: Scope::default(),
        }
    }

    /// Validates an operation without the fragments that it spreads.
    pub(super) fn visit_operation(&mut self, operation: &'a OperationDefinition) -> Scope<'a> {
        for definition in &operation.variable_definitions {
            let variable = &definition.node;
            self.visit_variable_directives(variable);
            let name = base(&variable.var_type.node);
            if self.types.find(name).is_none() {
                // Must be an error here: async-graphql panics at a default value for a list of an
                // unknown type.
                let message = format!("Unknown type \"{name}\".");
                self.report(message, definition.pos);
            } else if let Some(default) = &variable.default_value {
                let position = InputPosition {
                    source: ValueSource::Default,
                    name: &variable.name.node,
                    expected: &variable.var_type.node,
                    default: None,
                    pos: default.pos,
                };
                self.report_all(
                    ValueChecker::run(self.types, position, &default.node),
                    position,
                );
            }
        }
        self.visit_directives(&operation.directives);
        let root = self.types.root(operation.ty);
        self.visit_selections(&operation.selection_set.node, root);
        std::mem::take(&mut self.scope)
    }

    /// Validates each fragment on its own.
    pub(super) fn visit_fragments(
        &mut self,
        document: &'a ExecutableDocument,
    ) -> impl Iterator<Item = (&'a Name, Scope<'a>)> {
        document.fragments.iter().map(|(name, fragment)| {
            self.visit_directives(&fragment.node.directives);
            let parent = &fragment.node.type_condition.node.on.node;
            self.visit_selections(&fragment.node.selection_set.node, parent);
            (name, std::mem::take(&mut self.scope))
        })
    }

    fn visit_selections(&mut self, set: &'a SelectionSet, parent: &'a str) {
        for selection in &set.items {
            self.visit_directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => {
                    self.check_meta_field(field, parent);
                    let field = &field.node;
                    let Some(output) = self.types.field(parent, &field.name.node) else {
                        self.has_undefined = true;
                        continue;
                    };
                    self.visit_arguments(&field.arguments, &output.arguments);
                    self.visit_selections(&field.selection_set.node, base(&output.ty));
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let parent = condition.map_or(parent, |condition| &condition.node.on.node);
                    self.visit_selections(&fragment.node.selection_set.node, parent);
                }
                Selection::FragmentSpread(spread) => {
                    self.scope.spreads.push(&spread.node.fragment_name.node);
                }
            }
        }
    }

    fn visit_directives(&mut self, directives: &'a [Positioned<Directive>]) {
        for directive in directives {
            match self.types.directive(&directive.node.name.node) {
                Some(known) => self.visit_arguments(&directive.node.arguments, &known.arguments),
                None => self.has_undefined = true,
            }
        }
    }

    /// Validates the directives of a variable definition, which async-graphql does not check.
    fn visit_variable_directives(&mut self, variable: &'a VariableDefinition) {
        for directive in &variable.directives {
            let name = &directive.node.name.node;
            match self.types.directive(name) {
                Some(known) if known.on_variables => {
                    self.visit_arguments(&directive.node.arguments, &known.arguments);
                }
                Some(_) => {
                    let message =
                        format!("Directive \"@{name}\" may not be used on VARIABLE_DEFINITION.");
                    self.report(message, directive.pos);
                }
                None => {
                    let message = format!("Unknown directive \"@{name}\".");
                    self.report(message, directive.pos);
                }
            }
        }
    }

    /// Validates the meta-fields, which async-graphql does not check: it executes invalid ones or
    /// returns null.
    fn check_meta_field(&mut self, field: &'a Positioned<Field>, parent: &str) {
        let Field {
            name,
            arguments,
            selection_set,
            ..
        } = &field.node;
        if self.types.is_hidden(parent, &name.node) {
            let message = format!(
                "GraphQL introspection has been disabled, but the requested query contained the field \
                 \"{name}\"."
            );
            self.report(message, field.pos);
        }
        if name.node == "__typename" {
            if let Some((argument, _)) = arguments.first() {
                let message =
                    format!("Unknown argument \"{argument}\" on field \"{parent}.__typename\".");
                self.report(message, argument.pos);
            }
            if !selection_set.node.items.is_empty() {
                let message =
                    "Field \"__typename\" must not have a selection since type \"String!\" \
                               has no subfields."
                        .to_owned();
                self.report(message, selection_set.pos);
            }
        }
    }

    fn report(&mut self, message: String, at: Pos) {
        let error = error_at(code::VALIDATION_FAILED, message, &[at]);
        self.invalid.push(error);
    }

    fn visit_arguments(
        &mut self,
        arguments: &'a [(Positioned<Name>, Positioned<Value>)],
        inputs: &'a InputDefs,
    ) {
        for (name, value) in arguments {
            let Some(input) = inputs.get(&name.node) else {
                self.has_undefined = true;
                continue;
            };
            let position = InputPosition {
                source: ValueSource::Argument,
                name: &name.node,
                expected: &input.ty,
                default: input.default.as_ref(),
                pos: value.pos,
            };
            self.report_all(
                ValueChecker::run(self.types, position, &value.node),
                position,
            );
        }
    }

    fn report_all(&mut self, checker: ValueChecker<'a>, position: InputPosition<'a>) {
        self.scope.usages.extend(checker.usages);
        for error in checker.errors {
            if error.is_custom_scalar {
                self.bad_input.push(error.into_server_error(position.pos));
            } else {
                self.report(error.message, position.pos);
            }
        }
    }
}
