//! Validation that async-graphql lacks: checks every operation before it is executed.
//!
//! Covers only what async-graphql validates incorrectly or not at all. A document that uses an
//! undefined name passes here and is rejected by the library. Takes time linear in the size of the
//! document and its variables, except for [`merge`], which has a step limit. Runs after the budget
//! check, on every transport.
//!
//! Observed in async-graphql 8.0.0-rc.5:
//!
//! - Conflicting fields are not detected below the first level or across type conditions.
//! - Variables in positions of an incompatible type are accepted (the rule is never called).
//! - A string is accepted for an enum value, any integer for an `Int` and any value for an input
//!   object; a value that contains a missing variable is not checked.
//! - Of duplicate fields in an input object, the last one wins.
//! - A missing variable is a field error instead of a request error.
//! - A default value for a list of an unknown type panics.
//! - The default value of an argument is ignored if its variable is not provided.
//! - `__typename` and the directives of variable definitions are not checked.
//! - Introspection returns null when it is disabled.

mod duplicate;
mod merge;
mod schema;
mod selection;
mod typename;
mod usage;
mod value;
mod view;

use std::collections::HashMap;

use async_graphql::{
    Name, Pos, Positioned, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, VariableDefinition},
};

pub use self::schema::{Scalars, Types};
use self::{
    merge::{FieldMerger, StepLimitExceeded},
    selection::SelectionValidator,
    usage::VariableUsages,
    value::{CoercionError, InputPosition, ValueChecker, ValueSource},
};
pub(crate) use self::{typename::wrap_typenames, usage::Rewrite};
use crate::error::{self, code};

/// Maximum number of errors in one response.
const MAX_ERRORS: usize = 20;

/// A request to validate.
pub(crate) struct Input<'a> {
    /// The document as the client sent it.
    pub(crate) text: &'a str,
    pub(crate) document: &'a ExecutableDocument,
    /// The operation that will be executed.
    pub(crate) chosen: &'a Positioned<OperationDefinition>,
    pub(crate) variables: &'a Variables,
    /// Maximum number of steps for all operations of the document together.
    pub(crate) steps: u64,
}

/// What validation finds out about a valid document.
#[derive(Default)]
pub(crate) struct Valid {
    /// The rewrites that the document needs for async-graphql to execute it correctly.
    pub(crate) rewrites: Vec<Rewrite>,
    /// The variables of the chosen operation that have a nullable type and must not be null.
    pub(crate) never_null: Vec<Name>,
}

impl Types {
    /// Validates a document and its variables.
    ///
    /// # Errors
    ///
    /// The errors of the document or, if it is valid, of the values provided with it.
    pub(crate) fn validate(&self, input: &Input<'_>) -> Result<Valid, Vec<ServerError>> {
        let Input { document, .. } = *input;
        let mut validator = SelectionValidator::new(self);
        let fragments: HashMap<_, _> = validator.visit_fragments(document).collect();
        let operations: Vec<_> = document
            .operations
            .iter()
            .map(|(name, operation)| {
                (
                    name,
                    &operation.node,
                    validator.visit_operation(&operation.node),
                )
            })
            .collect();
        let duplicates = duplicate::find(input.text).into_iter().map(|(name, pos)| {
            let message = format!("There can be only one input field named \"{name}\".");
            error_at(code::VALIDATION_FAILED, message, &[pos])
        });
        validator.invalid.extend(duplicates);
        validator.invalid.extend(self.conflicts(input)?);
        let mut valid = Valid::default();
        let mut steps = 0;
        for (name, operation, scope) in &operations {
            let usages = VariableUsages::collect(scope, &fragments);
            steps += usages.steps;
            if steps > input.steps {
                return Err(vec![step_limit_error(input.steps)]);
            }
            validator.has_undefined |= !usages.check(operation, &mut validator.invalid);
            if std::ptr::eq(*operation, &raw const input.chosen.node) {
                usages.check_nulls(operation, input.variables, &mut validator.bad_input);
                valid.never_null = usages.never_null(operation);
            }
            valid.rewrites.extend(usages.rewrites(*name, operation));
        }
        into_result(validator.invalid)?;
        if !validator.has_undefined {
            validator.bad_input.extend(
                self.check_variables(&input.chosen.node.variable_definitions, input.variables),
            );
            if input.chosen.node.ty != OperationType::Subscription {
                for error in &mut validator.bad_input {
                    // `reason` is for clients that resume a subscription.
                    error
                        .extensions
                        .iter_mut()
                        .for_each(|it| it.unset("reason"));
                }
            }
            into_result(validator.bad_input)?;
        }
        Ok(valid)
    }

    /// Whether the values of variables have the types of their definitions.
    pub(crate) fn accepts(
        &self,
        definitions: &[Positioned<VariableDefinition>],
        variables: &Variables,
    ) -> bool {
        self.check_variables(definitions, variables).is_empty()
    }

    /// Returns fields that have the same response name but cannot be merged.
    fn conflicts(&self, input: &Input<'_>) -> Result<Vec<ServerError>, Vec<ServerError>> {
        let mut merger = FieldMerger::new(self, input.document, input.steps);
        for (_, operation) in input.document.operations.iter() {
            let root = self.root(operation.node.ty);
            merger
                .check(&operation.node.selection_set.node, root)
                .map_err(|StepLimitExceeded| vec![step_limit_error(input.steps)])?;
        }
        let mut conflicts = merger.conflicts;
        conflicts.sort();
        conflicts.dedup();
        let conflicts = conflicts.into_iter();
        Ok(conflicts
            .map(|conflict| error_at(code::VALIDATION_FAILED, conflict.message, &conflict.at))
            .collect())
    }

    /// Checks the values of variables against their types.
    fn check_variables(
        &self,
        definitions: &[Positioned<VariableDefinition>],
        variables: &Variables,
    ) -> Vec<ServerError> {
        let mut errors = Vec::new();
        for definition in definitions {
            let variable = &definition.node;
            let name = &variable.name.node;
            let ty = &variable.var_type.node;
            match variables.get(name) {
                Some(value) => {
                    let position = InputPosition {
                        source: ValueSource::Variable,
                        name,
                        expected: ty,
                        default: None,
                        pos: definition.pos,
                    };
                    let found = ValueChecker::run(self, position, value).errors.into_iter();
                    errors.extend(found.map(|error| error.into_server_error(definition.pos)));
                }
                None if !ty.nullable && variable.default_value.is_none() => {
                    let message =
                        format!("Variable \"${name}\" of required type \"{ty}\" was not provided.");
                    errors.push(error_at(code::BAD_USER_INPUT, message, &[definition.pos]));
                }
                None => {}
            }
        }
        errors
    }
}

impl CoercionError {
    /// Converts into an error of the request.
    fn into_server_error(self, at: Pos) -> ServerError {
        let mut error = error_at(code::BAD_USER_INPUT, self.message, &[at]);
        if let Some(reason) = self.reason {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("reason", reason);
        }
        error
    }
}

/// Returns at most [`MAX_ERRORS`] errors, or `Ok` if `errors` is empty.
fn into_result(mut errors: Vec<ServerError>) -> Result<(), Vec<ServerError>> {
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn step_limit_error(limit: u64) -> ServerError {
    let message =
        format!("the operations of the document exceed the limit of {limit} selections together");
    error::coded(code::QUERY_TOO_COMPLEX, message)
}

/// An error with locations in the document.
fn error_at(code: &'static str, message: String, at: &[Pos]) -> ServerError {
    let mut error = error::coded(code, message);
    error.locations = at.to_vec();
    error
}

#[cfg(test)]
mod tests;
