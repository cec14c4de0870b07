//! The one root field of a subscription.
//!
//! Invariant: a subscription that is executed selects its root field directly and once: the
//! library's executor looks neither into fragments nor for a second one. Called after the budget,
//! which has bounded the document and ruled out cycles.

use async_graphql::{
    Positioned, ServerError,
    parser::types::{
        Directive, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
    },
};

use crate::fault::{self, code};

/// The operation's root field, with everything that it is asked for.
pub(crate) fn only(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<Positioned<Field>, ServerError> {
    let mut fields = Vec::new();
    collect(document, &operation.selection_set.node, &mut fields)?;
    let mut fields = fields.into_iter();
    let Some(mut root) = fields.next() else {
        return Err(invalid("a subscription has one root field"));
    };
    if root.node.name.node.starts_with("__") {
        return Err(invalid(
            "the root field of a subscription is none of the schema's own",
        ));
    }
    for field in fields {
        if field.node.response_key().node != root.node.response_key().node {
            return Err(invalid("a subscription has one root field, and no more"));
        }
        let same = field.node.name.node == root.node.name.node
            && format!("{:?}", values(&field.node)) == format!("{:?}", values(&root.node));
        if !same {
            return Err(invalid(
                "two different root fields have one name in the answer",
            ));
        }
        root.node
            .selection_set
            .node
            .items
            .extend(field.node.selection_set.node.items);
    }
    Ok(root)
}

/// The arguments without their places in the text.
fn values(field: &Field) -> Vec<(&str, String)> {
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
                unconditional(&field.node.directives)?;
                fields.push(field.clone());
            }
            Selection::InlineFragment(fragment) => {
                unconditional(&fragment.node.directives)?;
                collect(document, &fragment.node.selection_set.node, fields)?;
            }
            Selection::FragmentSpread(spread) => {
                unconditional(&spread.node.directives)?;
                let name = &spread.node.fragment_name.node;
                let Some(fragment) = document.fragments.get(name) else {
                    return Err(invalid(format!("the fragment {name:?} is not defined")));
                };
                collect(document, &fragment.node.selection_set.node, fields)?;
            }
        }
    }
    Ok(())
}

/// A root field that may be left out would leave a subscription to nothing.
fn unconditional(directives: &[Positioned<Directive>]) -> Result<(), ServerError> {
    let conditional =
        |it: &Positioned<Directive>| matches!(it.node.name.node.as_str(), "skip" | "include");
    if directives.iter().any(conditional) {
        return Err(invalid(
            "a subscription's root field can be neither skipped nor included",
        ));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> ServerError {
    fault::error(code::VALIDATION_FAILED, message)
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
        only(&document, &operation.node)
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
    fn more_than_one_root_field_is_refused() {
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
