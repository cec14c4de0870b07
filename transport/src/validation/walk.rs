//! Every selection of a document against the types it selects from.
//!
//! Invariant: each definition is walked once, however often it is spread. Called after the budget,
//! which has bounded how deep a document goes.

use async_graphql::{
    Name, Pos, Positioned, ServerError,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
        VariableDefinition,
    },
};
use async_graphql_value::Value;

use super::{
    refusal,
    schema::{Inputs, Types, base},
    value::{Judge, Place, Source, Usage},
};
use crate::fault::code;

/// What one operation or fragment says by itself.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) usages: Vec<Usage<'a>>,
    /// The fragments that it spreads.
    pub(super) spreads: Vec<&'a Name>,
}

/// What was found on the way.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    types: &'a Types,
    /// Of values of GraphQL's own types.
    pub(super) invalid: Vec<ServerError>,
    /// Of values that the application refuses.
    pub(super) refused: Vec<ServerError>,
    /// Something is not defined, which the library will say.
    pub(super) incomplete: bool,
    scope: Scope<'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(types: &'a Types) -> Self {
        Self {
            types,
            invalid: Vec::new(),
            refused: Vec::new(),
            incomplete: false,
            scope: Scope::default(),
        }
    }

    /// Judges an operation without the fragments that it spreads.
    pub(super) fn operation(&mut self, operation: &'a OperationDefinition) -> Scope<'a> {
        for definition in &operation.variable_definitions {
            let variable = &definition.node;
            self.directives_of_variable(variable);
            let name = base(&variable.var_type.node);
            if self.types.find(name).is_none() {
                // The library panics at a default of a list of what it does not know.
                let message = format!("the type `{name}` is not defined");
                self.refuse(message, definition.pos);
            } else if let Some(default) = &variable.default_value {
                let place = Place {
                    source: Source::Default,
                    name: &variable.name.node,
                    expected: &variable.var_type.node,
                    default: None,
                    pos: default.pos,
                };
                self.judged(Judge::of(self.types, place, &default.node), place);
            }
        }
        self.directives(&operation.directives);
        let root = self.types.root(operation.ty);
        self.set(&operation.selection_set.node, root);
        std::mem::take(&mut self.scope)
    }

    /// Judges the fragments, each by itself.
    pub(super) fn fragments(
        &mut self,
        document: &'a ExecutableDocument,
    ) -> impl Iterator<Item = (&'a Name, Scope<'a>)> {
        document.fragments.iter().map(|(name, fragment)| {
            self.directives(&fragment.node.directives);
            let parent = &fragment.node.type_condition.node.on.node;
            self.set(&fragment.node.selection_set.node, parent);
            (name, std::mem::take(&mut self.scope))
        })
    }

    fn set(&mut self, set: &'a SelectionSet, parent: &'a str) {
        for selection in &set.items {
            self.directives(selection.node.directives());
            match &selection.node {
                Selection::Field(field) => {
                    self.meta(field, parent);
                    let field = &field.node;
                    let Some(output) = self.types.field(parent, &field.name.node) else {
                        self.incomplete = true;
                        continue;
                    };
                    self.arguments(&field.arguments, &output.arguments);
                    self.set(&field.selection_set.node, base(&output.ty));
                }
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let parent = condition.map_or(parent, |condition| &condition.node.on.node);
                    self.set(&fragment.node.selection_set.node, parent);
                }
                Selection::FragmentSpread(spread) => {
                    self.scope.spreads.push(&spread.node.fragment_name.node);
                }
            }
        }
    }

    fn directives(&mut self, directives: &'a [Positioned<Directive>]) {
        for directive in directives {
            match self.types.directive(&directive.node.name.node) {
                Some(known) => self.arguments(&directive.node.arguments, &known.arguments),
                None => self.incomplete = true,
            }
        }
    }

    /// Refuses what the library never looks at.
    fn directives_of_variable(&mut self, variable: &'a VariableDefinition) {
        for directive in &variable.directives {
            let name = &directive.node.name.node;
            match self.types.directive(name) {
                Some(known) if known.on_variables => {
                    self.arguments(&directive.node.arguments, &known.arguments);
                }
                Some(_) => {
                    let message = format!("a variable may not have the directive `@{name}`");
                    self.refuse(message, directive.pos);
                }
                None => {
                    let message = format!("the directive `@{name}` is not defined");
                    self.refuse(message, directive.pos);
                }
            }
        }
    }

    /// Refuses what the library executes, or answers with null, of the fields that every schema has.
    fn meta(&mut self, field: &'a Positioned<Field>, parent: &str) {
        let Field {
            name,
            arguments,
            selection_set,
            ..
        } = &field.node;
        if self.types.hidden(parent, &name.node) {
            self.refuse("introspection is switched off".to_owned(), field.pos);
        }
        if name.node == "__typename" {
            if let Some((argument, _)) = arguments.first() {
                let message = format!("`__typename` has no argument `{argument}`");
                self.refuse(message, argument.pos);
            }
            if !selection_set.node.items.is_empty() {
                let message = "`__typename` has no fields to select".to_owned();
                self.refuse(message, selection_set.pos);
            }
        }
    }

    fn refuse(&mut self, message: String, at: Pos) {
        let error = refusal(code::VALIDATION_FAILED, message, &[at]);
        self.invalid.push(error);
    }

    fn arguments(
        &mut self,
        arguments: &'a [(Positioned<Name>, Positioned<Value>)],
        inputs: &'a Inputs,
    ) {
        for (name, value) in arguments {
            let Some(input) = inputs.get(&name.node) else {
                self.incomplete = true;
                continue;
            };
            let place = Place {
                source: Source::Argument,
                name: &name.node,
                expected: &input.ty,
                default: input.default.as_ref(),
                pos: value.pos,
            };
            self.judged(Judge::of(self.types, place, &value.node), place);
        }
    }

    fn judged(&mut self, judge: Judge<'a>, place: Place<'a>) {
        self.scope.usages.extend(judge.usages);
        for misfit in judge.misfits {
            if misfit.scalar {
                self.refused.push(misfit.refusal(place.pos));
            } else {
                self.refuse(misfit.message, place.pos);
            }
        }
    }
}
