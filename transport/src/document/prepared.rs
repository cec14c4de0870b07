//! Documents that were parsed, measured and validated, and the cache of those that were executed.
//!
//! A document in the cache is not prepared again: only its variables are checked for each request.

use std::sync::Arc;

use async_graphql::{
    Extensions, Name, Positioned, Request, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, VariableDefinition},
};

use super::{budget::QueryBudget, cache::Cache, select_operation, validation::Types};
use crate::{observer::OperationKind, service::LastEventId};

/// The estimated size of a prepared document, as a multiple of the size of its text.
const SIZE_FACTOR: usize = 50;
/// The size of an entry of the cache besides the document.
const ENTRY_BYTES: usize = 1024;

/// A valid document with one of its operations selected.
#[derive(Debug)]
pub struct PreparedDocument<P> {
    pub(super) text: Arc<str>,
    pub(super) operation_name: Option<String>,
    /// The document as it is executed.
    pub(super) document: ExecutableDocument,
    pub(super) kind: OperationKind,
    /// The document as the client sent it, if its cost depends on variables.
    pub(super) measured: Option<ExecutableDocument>,
    /// The variables of a nullable type that must not be null.
    pub(super) never_null: Vec<Name>,
    pub(super) plan: P,
}

impl<P> PreparedDocument<P> {
    /// The text of the document.
    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }

    /// The document.
    pub fn document(&self) -> &ExecutableDocument {
        &self.document
    }

    /// The selected operation.
    pub fn operation(&self) -> &OperationDefinition {
        let name = self.operation_name.as_deref();
        &selected(&self.document, name).node
    }

    /// What the service keeps with the document.
    pub fn plan(&self) -> &P {
        &self.plan
    }

    /// Whether the request with these variables is valid. If not, the document must be prepared
    /// again for its errors.
    fn accepts(&self, variables: &Variables, budget: &QueryBudget, types: Option<&Types>) -> bool {
        let definitions: &[Positioned<VariableDefinition>] = &self.operation().variable_definitions;
        let is_null = |name: &Name| variables.get(name) == Some(&async_graphql::Value::Null);
        if self.never_null.iter().any(is_null) {
            return false;
        }
        if types.is_some_and(|types| !types.accepts(definitions, variables)) {
            return false;
        }
        self.measured.as_ref().is_none_or(|document| {
            let chosen = selected(document, self.operation_name.as_deref());
            budget.check(document, chosen, variables).is_ok()
        })
    }
}

/// The operation of a document that was prepared.
fn selected<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> &'a Positioned<OperationDefinition> {
    select_operation(document, name).expect("a prepared document has its operation")
}

/// An operation that can be executed.
#[derive(Debug)]
pub(crate) struct Operation<P> {
    /// The document.
    pub(crate) prepared: Arc<PreparedDocument<P>>,
    /// Whether the document was executed before, and so passed all validation.
    pub(crate) is_cached: bool,
    pub(crate) variables: Variables,
    pub(crate) extensions: Extensions,
    pub(crate) last_event_id: Option<String>,
}

impl<P> Operation<P> {
    /// The type of the operation.
    pub(crate) fn kind(&self) -> OperationKind {
        self.prepared.kind
    }

    /// Returns the request, with its parsed document, for async-graphql.
    pub(crate) fn into_request(self) -> Request {
        let prepared = self.prepared;
        let mut request = Request::new(&*prepared.text);
        request.operation_name.clone_from(&prepared.operation_name);
        request.variables = self.variables;
        request.extensions = self.extensions;
        request.set_parsed_query(prepared.document.clone());
        match self.last_event_id {
            Some(id) => request.data(LastEventId(id)),
            None => request,
        }
    }
}

/// The documents of one text, which differ in the selected operation.
type SameText<P> = Arc<[Arc<PreparedDocument<P>>]>;

/// The documents that were executed, by text.
pub(crate) struct PreparedDocuments<P> {
    by_text: Cache<Arc<str>, SameText<P>>,
}

impl<P> PreparedDocuments<P> {
    /// Creates a cache for about `max_bytes` bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            by_text: Cache::new(max_bytes),
        }
    }

    /// Returns the document if it is cached and accepts the variables.
    pub(super) fn get(
        &self,
        text: &str,
        operation_name: Option<&str>,
        variables: &Variables,
        budget: &QueryBudget,
        types: Option<&Types>,
    ) -> Option<Arc<PreparedDocument<P>>> {
        let all = self.by_text.get(text)?;
        let found = all
            .iter()
            .find(|it| it.operation_name.as_deref() == operation_name)?;
        found
            .accepts(variables, budget, types)
            .then(|| Arc::clone(found))
    }

    /// Stores a document that was executed.
    pub(crate) fn put(&self, document: &Arc<PreparedDocument<P>>) {
        let text = &document.text;
        let others = self.by_text.get(&**text);
        let others = others.iter().flat_map(|all| all.iter());
        let others = others.filter(|other| other.operation_name != document.operation_name);
        let all: Arc<[_]> = others.chain([document]).cloned().collect();
        let bytes = (text.len() * SIZE_FACTOR + ENTRY_BYTES) * all.len();
        self.by_text.put(Arc::clone(text), all, bytes);
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};

    use super::*;
    use crate::document::{Rejection, ResolvedRequest};

    const SDL: &str = "type Query { int(n: Int! = 1): Int list(first: Int): [Query!]! other: Int }";

    fn types() -> Types {
        Types::from_sdl(SDL).expect("a schema")
    }

    fn prepare(
        cache: &PreparedDocuments<()>,
        text: &str,
        operation_name: Option<&str>,
        variables: async_graphql::Value,
    ) -> Result<Operation<()>, Rejection> {
        let request = ResolvedRequest {
            text: text.to_owned(),
            operation_name: operation_name.map(str::to_owned),
            variables: Variables::from_value(variables),
            extensions: Extensions::default(),
        };
        let budget = QueryBudget {
            cost: 20,
            ..QueryBudget::default()
        };
        request.prepare(cache, &budget, Some(&types()))
    }

    #[test]
    fn a_cached_document_accepts_and_rejects_the_same_variables() {
        let text = "query($n: Int = 2, $first: Int) { int(n: $n) list(first: $first) { other } }";
        let values = [
            value!({}),
            value!({"n": 3, "first": 5}),
            value!({"n": null}),
            value!({"n": "x"}),
            value!({"first": 30}),
            value!({"first": null}),
        ];
        let (empty, cache) = (PreparedDocuments::new(0), PreparedDocuments::new(1 << 20));
        let first = prepare(&cache, text, None, value!({})).expect("valid");
        assert!(!first.is_cached);
        cache.put(&first.prepared);
        for variables in values {
            let given = prepare(&cache, text, None, variables.clone());
            let expected = prepare(&empty, text, None, variables.clone());
            match (given, expected) {
                (Ok(given), Ok(expected)) => {
                    assert!(given.is_cached && !expected.is_cached, "{variables}");
                    let text = |it: Operation<()>| format!("{:?}", it.into_request());
                    assert_eq!(text(given), text(expected), "{variables}");
                }
                (Err(given), Err(expected)) => {
                    assert_eq!(given.errors, expected.errors, "{variables}");
                    assert_eq!(given.kind, expected.kind, "{variables}");
                }
                (given, expected) => panic!("{variables}: {given:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn the_operations_of_a_document_are_cached_separately() {
        let text = "query A { int } query B { other }";
        let cache = PreparedDocuments::new(1 << 20);
        for name in ["A", "B"] {
            let operation = prepare(&cache, text, Some(name), value!({})).expect("valid");
            assert!(!operation.is_cached);
            cache.put(&operation.prepared);
        }
        for (name, field) in [("A", "int"), ("B", "other")] {
            let operation = prepare(&cache, text, Some(name), value!({})).expect("valid");
            assert!(operation.is_cached);
            let selected = format!("{:?}", operation.prepared.operation().selection_set);
            assert!(selected.contains(field), "{selected}");
        }
        assert!(prepare(&cache, text, None, value!({})).is_err());
    }
}
