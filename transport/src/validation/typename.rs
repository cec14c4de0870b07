//! `__typename` with directives, as the library judges it.
//!
//! Invariant: the response stays the same. The library's validation passes over each `__typename`
//! and with it over the directives that it has, but not over those of a fragment around it; so they
//! are put there. Called once a document has been judged here.

use async_graphql::{
    Positioned,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, InlineFragment, Selection, SelectionSet,
    },
};

/// Moves the directives of each `__typename` to a fragment of its own.
pub(crate) fn wrap(document: &mut ExecutableDocument) {
    for fragment in document.fragments.values_mut() {
        wrap_all(&mut fragment.node.selection_set.node);
    }
    match &mut document.operations {
        DocumentOperations::Single(operation) => wrap_all(&mut operation.node.selection_set.node),
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                wrap_all(&mut operation.node.selection_set.node);
            }
        }
    }
}

fn wrap_all(set: &mut SelectionSet) {
    for item in &mut set.items {
        match &mut item.node {
            Selection::Field(field) if is_directed(&field.node) => {
                let pos = field.pos;
                let directives = std::mem::take(&mut field.node.directives);
                let within = Positioned::new(Selection::Field(field.clone()), pos);
                let set = SelectionSet {
                    items: vec![within],
                };
                let around = InlineFragment {
                    type_condition: None,
                    directives,
                    selection_set: Positioned::new(set, pos),
                };
                item.node = Selection::InlineFragment(Positioned::new(around, pos));
            }
            Selection::Field(field) => wrap_all(&mut field.node.selection_set.node),
            Selection::InlineFragment(fragment) => {
                wrap_all(&mut fragment.node.selection_set.node);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn is_directed(field: &Field) -> bool {
    field.name.node == "__typename" && !field.directives.is_empty()
}
