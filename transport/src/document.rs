//! Turns the text of a request into a parsed document, with its operation selected and its size
//! checked.
//!
//! A document is parsed only here; the executor gets the parsed document. Every transport calls
//! this before it executes an operation. Documents that were executed are cached.

pub(crate) mod budget;
mod cache;
pub(crate) mod params;
pub(crate) mod persisted;
pub(crate) mod prepared;
mod subscription_root;
pub(crate) mod validation;

use std::sync::Arc;

use async_graphql::{
    Extensions, Positioned, ServerError, Variables,
    parser::{
        self,
        types::{
            DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType,
            Selection,
        },
    },
};

use self::{
    budget::{BudgetError, LimitExceeded, QueryBudget},
    prepared::{Operation, PreparedDocument, PreparedDocuments},
    validation::{Input, Types},
};
use crate::{
    error::{self, code},
    observer::OperationKind,
};

/// Maximum number of selections of all operations of a document together, as a multiple of the
/// maximum of one operation.
const ALL_OPERATIONS_FACTOR: u64 = 10;

/// A request that is rejected.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// The errors for the client.
    pub(crate) errors: Vec<ServerError>,
    /// The type of the operation, if it is known.
    pub(crate) kind: Option<OperationKind>,
}

impl Rejection {
    fn too_large(exceeded: LimitExceeded) -> Self {
        Self {
            errors: vec![too_complex(exceeded)],
            kind: None,
        }
    }
}

/// What a request consists of, once its document is resolved to a text.
#[derive(Debug)]
pub(crate) struct ResolvedRequest {
    pub(crate) text: String,
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Variables,
    pub(crate) extensions: Extensions,
}

impl ResolvedRequest {
    /// Prepares the operation: takes its document from `cache`, or parses, measures and validates
    /// it.
    pub(crate) fn prepare<P: Default>(
        self,
        cache: &PreparedDocuments<P>,
        budget: &QueryBudget,
        types: Option<&Types>,
    ) -> Result<Operation<P>, Rejection> {
        let name = self.operation_name.as_deref();
        let cached = cache.get(&self.text, name, &self.variables, budget, types);
        let is_cached = cached.is_some();
        let prepared = match cached {
            Some(prepared) => prepared,
            None => Arc::new(self.prepare_document(budget, types)?),
        };
        Ok(Operation {
            prepared,
            is_cached,
            variables: self.variables,
            extensions: self.extensions,
            last_event_id: None,
        })
    }

    /// Parses the document, selects the operation, checks the budget and validates against `types`.
    fn prepare_document<P: Default>(
        &self,
        budget: &QueryBudget,
        types: Option<&Types>,
    ) -> Result<PreparedDocument<P>, Rejection> {
        let Self {
            text,
            operation_name,
            variables,
            ..
        } = self;
        let name = operation_name.as_deref();
        budget.check_text(text).map_err(Rejection::too_large)?;
        let mut document = parser::parse_query(text).map_err(syntax_error)?;
        let chosen = select_operation(&document, name)?;
        let kind = kind_of(chosen);
        let rejected = |errors| Rejection {
            errors,
            kind: Some(kind),
        };
        let depends_on_variables = budget
            .check(&document, chosen, variables)
            .map_err(|error| match error {
                BudgetError::LimitExceeded(exceeded) => rejected(vec![too_complex(exceeded)]),
                BudgetError::FragmentCycle(name) => rejected(vec![error::coded(
                    code::VALIDATION_FAILED,
                    format!("Cannot spread fragment \"{name}\" within itself."),
                )]),
            })?;
        let measured = depends_on_variables.then(|| document.clone());
        let mut never_null = Vec::new();
        if let Some(types) = types {
            let input = Input {
                text,
                document: &document,
                chosen,
                variables,
                steps: budget.selections.saturating_mul(ALL_OPERATIONS_FACTOR),
            };
            let valid = types.validate(&input).map_err(rejected)?;
            never_null = valid.never_null;
            for rewrite in valid.rewrites {
                rewrite.apply(&mut document);
            }
            validation::wrap_typenames(&mut document);
        }
        if kind == OperationKind::Subscription {
            let chosen = select_operation(&document, name)?;
            let root = subscription_root::single_field(&document, &chosen.node)
                .map_err(|error| rejected(vec![error]))?;
            select_only(&mut document, name, root);
        }
        Ok(PreparedDocument {
            text: text.as_str().into(),
            operation_name: operation_name.clone(),
            document,
            kind,
            measured,
            never_null,
            plan: P::default(),
        })
    }
}

/// Replaces the fields of the selected operation by `root`.
fn select_only(document: &mut ExecutableDocument, name: Option<&str>, root: Positioned<Field>) {
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(operations) => match name {
            Some(name) => operations.get_mut(name),
            None => operations.values_mut().next(),
        },
    };
    if let Some(operation) = operation {
        let pos = root.pos;
        let selection = Positioned::new(Selection::Field(root), pos);
        let items = &mut operation.node.selection_set.node.items;
        // Keep fragments so that they count as used in validation. Their fields are those of `root`.
        items.retain(|item| !matches!(item.node, Selection::Field(_)));
        items.insert(0, selection);
    }
}

fn too_complex(LimitExceeded { what, limit }: LimitExceeded) -> ServerError {
    let message = format!("the operation exceeds the limit of {limit} {what}");
    error::coded(code::QUERY_TOO_COMPLEX, message)
}

fn syntax_error(error: parser::Error) -> Rejection {
    let code = match error {
        parser::Error::Syntax { .. } => code::PARSE_FAILED,
        parser::Error::RecursionLimitExceeded => code::QUERY_TOO_COMPLEX,
        _ => code::VALIDATION_FAILED,
    };
    Rejection {
        errors: vec![error::with_code(error.into(), code)],
        kind: None,
    }
}

fn kind_of(operation: &Positioned<OperationDefinition>) -> OperationKind {
    match operation.node.ty {
        OperationType::Query => OperationKind::Query,
        OperationType::Mutation => OperationKind::Mutation,
        OperationType::Subscription => OperationKind::Subscription,
    }
}

fn select_operation<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, Rejection> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations
            .get(name)
            .ok_or_else(|| format!("Unknown operation named \"{name}\".")),
        (DocumentOperations::Single(_), Some(name)) => {
            Err(format!("Unknown operation named \"{name}\"."))
        }
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            match (all.next(), all.next()) {
                (Some(only), None) => Ok(only),
                _ => {
                    Err("Must provide operation name if query contains multiple operations.".into())
                }
            }
        }
    };
    operation.map_err(|message| Rejection {
        errors: vec![error::coded(code::VALIDATION_FAILED, message)],
        kind: None,
    })
}
