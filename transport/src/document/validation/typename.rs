//! Moves directives of `__typename` to where async-graphql validates them.
//!
//! The library skips validation of each `__typename`, including its directives, but validates the
//! directives of an inline fragment around it. The response is unchanged. Called after the document
//! was validated here.

use async_graphql::{
    Positioned,
    parser::types::{
        DocumentOperations, ExecutableDocument, Field, InlineFragment, Selection, SelectionSet,
    },
};

/// Wraps each `__typename` that has directives in an inline fragment with these directives.
pub(crate) fn wrap_typenames(document: &mut ExecutableDocument) {
    for fragment in document.fragments.values_mut() {
        wrap_in_set(&mut fragment.node.selection_set.node);
    }
    match &mut document.operations {
        DocumentOperations::Single(operation) => {
            wrap_in_set(&mut operation.node.selection_set.node);
        }
        DocumentOperations::Multiple(operations) => {
            for operation in operations.values_mut() {
                wrap_in_set(&mut operation.node.selection_set.node);
            }
        }
    }
}

fn wrap_in_set(set: &mut SelectionSet) {
    for item in &mut set.items {
        match &mut item.node {
            Selection::Field(field) if is_typename_with_directives(&field.node) => {
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
            Selection::Field(field) => wrap_in_set(&mut field.node.selection_set.node),
            Selection::InlineFragment(fragment) => {
                wrap_in_set(&mut fragment.node.selection_set.node);
            }
            Selection::FragmentSpread(_) => {}
        }
    }
}

fn is_typename_with_directives(field: &Field) -> bool {
    field.name.node == "__typename" && !field.directives.is_empty()
}
