//! What the library's validation lacks, for every operation before it is executed.
//!
//! Invariant: judges what the library judges wrongly or not at all, and leaves the rest to it: a
//! document with something undefined in it is passed on, to be refused there. Takes time linear in
//! the document and its variables, but for [`merge`]. Called after the budget, on every transport.
//!
//! Measured of async-graphql 8.0.0-rc.5: it compares fields of one name neither below them nor
//! across type conditions, and variables with no place at all (its rule is never called); it takes
//! a string for an enum's value, any integer for an `Int` and anything for an input object, looks
//! at no value that has a missing variable in it, keeps the last of an input object's repeated
//! fields, answers missing variables as field errors, panics at a default of a list of an unknown
//! type, forgets an argument's default if its variable is not given, passes over `__typename` and
//! over directives of variables, and answers introspection that is switched off with null.

mod merge;
mod repeat;
mod schema;
mod typename;
mod usage;
mod value;
mod view;
mod walk;

use std::collections::HashMap;

use async_graphql::{
    Pos, Positioned, ServerError, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType},
};

pub use self::schema::{Scalars, Types};
use self::{
    merge::{Exhausted, Merge},
    usage::Usages,
    value::{Judge, Misfit, Place, Source},
    walk::Walk,
};
pub(crate) use self::{typename::wrap as wrap_typenames, usage::Rewrite};
use crate::fault::{self, code};

/// Errors that one answer tells at most.
const MOST_ERRORS: usize = 20;

/// What is to be judged.
pub(crate) struct Subject<'a> {
    /// As it was sent.
    pub(crate) text: &'a str,
    pub(crate) document: &'a ExecutableDocument,
    /// The operation that will run.
    pub(crate) chosen: &'a Positioned<OperationDefinition>,
    pub(crate) variables: &'a Variables,
    /// Steps that all operations of the document may take together.
    pub(crate) steps: u64,
}

impl Types {
    /// Judges a document and its variables; returns what must be changed for the library
    /// to execute it rightly.
    ///
    /// # Errors
    ///
    /// What is wrong: with the document, or else with the values that came with it.
    pub(crate) fn validate(&self, subject: &Subject<'_>) -> Result<Vec<Rewrite>, Vec<ServerError>> {
        let Subject { document, .. } = *subject;
        let mut walk = Walk::new(self);
        let fragments: HashMap<_, _> = walk.fragments(document).collect();
        let operations: Vec<_> = document
            .operations
            .iter()
            .map(|(name, operation)| (name, &operation.node, walk.operation(&operation.node)))
            .collect();
        let repeated = repeat::find(subject.text).into_iter().map(|(name, pos)| {
            let message = format!("the field `{name}` is given twice");
            refusal(code::VALIDATION_FAILED, message, &[pos])
        });
        walk.invalid.extend(repeated);
        walk.invalid.extend(self.conflicts(subject)?);
        let mut rewrites = Vec::new();
        let mut steps = 0;
        for (name, operation, scope) in &operations {
            let usages = Usages::collect(scope, &fragments);
            steps += usages.steps;
            if steps > subject.steps {
                return Err(vec![too_many(subject.steps)]);
            }
            walk.incomplete |= !usages.check(operation, &mut walk.invalid);
            if std::ptr::eq(*operation, &raw const subject.chosen.node) {
                usages.nulls(operation, subject.variables, &mut walk.refused);
            }
            rewrites.extend(usages.rewrites(*name, operation));
        }
        some(walk.invalid)?;
        if !walk.incomplete {
            walk.refused.extend(self.misfits(subject));
            if subject.chosen.node.ty != OperationType::Subscription {
                for error in &mut walk.refused {
                    // Those are for programs that resume.
                    error
                        .extensions
                        .iter_mut()
                        .for_each(|it| it.unset("reason"));
                }
            }
            some(walk.refused)?;
        }
        Ok(rewrites)
    }

    /// Fields that cannot both have their name.
    fn conflicts(&self, subject: &Subject<'_>) -> Result<Vec<ServerError>, Vec<ServerError>> {
        let mut merge = Merge::new(self, subject.document, subject.steps);
        for (_, operation) in subject.document.operations.iter() {
            let root = self.root(operation.node.ty);
            merge
                .check(&operation.node.selection_set.node, root)
                .map_err(|Exhausted| vec![too_many(subject.steps)])?;
        }
        let mut conflicts = merge.conflicts;
        conflicts.sort();
        conflicts.dedup();
        let conflicts = conflicts.into_iter();
        Ok(conflicts
            .map(|conflict| refusal(code::VALIDATION_FAILED, conflict.message, &conflict.at))
            .collect())
    }

    /// Variables whose values are not of their types.
    fn misfits(&self, subject: &Subject<'_>) -> Vec<ServerError> {
        let mut errors = Vec::new();
        for definition in &subject.chosen.node.variable_definitions {
            let variable = &definition.node;
            let name = &variable.name.node;
            let ty = &variable.var_type.node;
            match subject.variables.get(name) {
                Some(value) => {
                    let place = Place {
                        source: Source::Variable,
                        name,
                        expected: ty,
                        default: None,
                        pos: definition.pos,
                    };
                    let misfits = Judge::of(self, place, value).misfits.into_iter();
                    errors.extend(misfits.map(|misfit| misfit.refusal(definition.pos)));
                }
                None if !ty.nullable && variable.default_value.is_none() => {
                    let message = format!("variable `${name}` of type `{ty}` is missing");
                    errors.push(refusal(code::BAD_USER_INPUT, message, &[definition.pos]));
                }
                None => {}
            }
        }
        errors
    }
}

impl Misfit {
    /// The error of a value that clients gave.
    fn refusal(self, at: Pos) -> ServerError {
        let mut error = refusal(code::BAD_USER_INPUT, self.message, &[at]);
        if let Some(reason) = self.reason {
            let extensions = error.extensions.get_or_insert_default();
            extensions.set("reason", reason);
        }
        error
    }
}

/// Nothing, or a few of them.
fn some(mut errors: Vec<ServerError>) -> Result<(), Vec<ServerError>> {
    errors.truncate(MOST_ERRORS);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

fn too_many(limit: u64) -> ServerError {
    let message =
        format!("the document is too large: its operations may have {limit} selections together");
    fault::error(code::QUERY_TOO_COMPLEX, message)
}

/// An error at those places.
fn refusal(code: &'static str, message: String, at: &[Pos]) -> ServerError {
    let mut error = fault::error(code, message);
    error.locations = at.to_vec();
    error
}

#[cfg(test)]
mod tests;
