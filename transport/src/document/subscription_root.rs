//! Validates the root field of a subscription and merges its selections.
//!
//! async-graphql executes only the first root field that a subscription selects directly: it
//! ignores fragments and further fields. This module finds the single root field and merges its
//! selections, so that the operation selects it directly and once. Called after the budget check,
//! which bounds the document and rejects fragment cycles.

use async_graphql::{
    Positioned, ServerError,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
    },
};

use crate::error::{self, code};

/// Returns the single root field of an operation, with all of its selections.
pub(crate) fn single_field(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<Positioned<Field>, ServerError> {
    let mut fields = Vec::new();
    collect(document, &operation.selection_set.node, &mut fields)?;
    let mut fields = fields.into_iter();
    let Some(mut root) = fields.next() else {
        return Err(invalid(
            "Subscription must select only one top level field.",
        ));
    };
    if root.node.name.node.starts_with("__") {
        return Err(invalid(
            "Subscription must not select an introspection top level field.",
        ));
    }
    for field in fields {
        if field.node.response_key().node != root.node.response_key().node {
            return Err(invalid(
                "Subscription must select only one top level field.",
            ));
        }
        let same = field.node.name.node == root.node.name.node
            && format!("{:?}", sorted_arguments(&field.node))
                == format!("{:?}", sorted_arguments(&root.node));
        if !same {
            let key = &root.node.response_key().node;
            return Err(invalid(format!(
                "Fields \"{key}\" conflict because they are different fields or have differing arguments."
            )));
        }
        root.node
            .selection_set
            .node
            .items
            .extend(field.node.selection_set.node.items);
    }
    Ok(root)
}

/// The arguments without their positions in the document.
fn sorted_arguments(field: &Field) -> Vec<(&str, String)> {
    let arguments = field.arguments.iter();
    let mut values: Vec<_> = arguments
        .map(|(name, value)| (name.node.as_str(), value.node.to_string()))
        .collect();
    values.sort();
    values
}

fn collect(
    document: &ExecutableDocument,
    set: &SelectionSet,
    fields: &mut Vec<Positioned<Field>>,
) -> Result<(), ServerError> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                reject_conditions(&field.node.directives)?;
                fields.push(field.clone());
            }
            Selection::InlineFragment(fragment) => {
                reject_conditions(&fragment.node.directives)?;
                collect(document, &fragment.node.selection_set.node, fields)?;
            }
            Selection::FragmentSpread(spread) => {
                reject_conditions(&spread.node.directives)?;
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = document.fragments.get(name) else {
                    return Err(invalid(format!("Unknown fragment \"{name}\".")));
                };
                collect(document, &fragment.node.selection_set.node, fields)?;
            }
        }
    }
    Ok(())
}

/// Rejects `@skip` and `@include`: a subscription without its root field would have no source.
fn reject_conditions(directives: &[Positioned<Directive>]) -> Result<(), ServerError> {
    let conditional =
        |it: &Positioned<Directive>| matches!(it.node.name.node.as_str(), "skip" | "include");
    if directives.iter().any(conditional) {
        return Err(invalid(
            "Subscription must not use `@skip` or `@include` directives in the top level selection.",
        ));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> ServerError {
    error::coded(code::VALIDATION_FAILED, message)
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::{parse_query, types::DocumentOperations};

    use super::*;

    fn root(text: &str) -> Result<String, String> {
        let document = parse_query(text).expect("a document");
        let DocumentOperations::Single(operation) = &document.operations else {
            panic!("one operation")
        };
        single_field(&document, &operation.node)
            .map(|root| {
                let items = root.node.selection_set.node.items.len();
                format!("{} {items}", root.node.response_key().node)
            })
            .map_err(|error| error.message)
    }

    #[test]
    fn a_root_field_is_found_in_fragments_and_merged_with_itself() {
        for text in [
            "subscription { a { b c } }",
            "subscription { ...F } fragment F on Subscription { ... { a { b c } } }",
            "subscription { a { b } ...F } fragment F on Subscription { a { c } }",
        ] {
            assert_eq!(root(text), Ok("a 2".to_owned()), "{text}");
        }
        assert_eq!(root("subscription { x: a { b } }"), Ok("x 1".to_owned()));
    }

    #[test]
    fn invalid_root_selections_are_rejected() {
        for text in [
            "subscription { a { b } c { b } }",
            "subscription { a { b } x: a { b } }",
            "subscription { a(n: 1) { b } a(n: 2) { b } }",
            "subscription { a: c { b } a { b } }",
            "subscription { __typename }",
            "subscription { ...F @include(if: true) } fragment F on Subscription { a { b } }",
            "subscription { a @skip(if: true) { b } }",
            "subscription { ...Missing }",
        ] {
            assert!(root(text).is_err(), "{text}");
        }
    }
}
