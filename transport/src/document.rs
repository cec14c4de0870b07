//! Turns the text of a request into a parsed document, with its operation selected and its size
//! checked.
//!
//! A document is parsed only here; the executor gets the parsed document. Every transport calls
//! this before it executes an operation.

pub(crate) mod budget;
pub(crate) mod params;
pub(crate) mod persisted;
mod subscription_root;
pub(crate) mod validation;

use std::sync::Arc;

use async_graphql::{
    Positioned, Request, ServerError,
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
    persisted::Hash,
    validation::{Input, Types},
};
use crate::{
    error::{self, code},
    observer::OperationKind,
};

/// Maximum number of selections of all operations of a document together, as a multiple of the
/// maximum of one operation.
const ALL_OPERATIONS_FACTOR: u64 = 10;

/// A request that can be executed.
#[derive(Debug)]
pub(crate) struct PreparedOperation {
    /// The request with its parsed document.
    pub(crate) request: Request,
    /// The type of the selected operation.
    pub(crate) kind: OperationKind,
    /// The text to persist under this hash once it is valid.
    pub(crate) keep: Option<(Hash, Arc<str>)>,
}

/// A request that is rejected.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// The errors for the client.
    pub(crate) errors: Vec<ServerError>,
    /// The type of the operation, if it is known.
    pub(crate) kind: Option<OperationKind>,
}

impl PreparedOperation {
    /// Parses the document, selects the operation, checks the budget and validates against `types`.
    pub(crate) fn prepare(
        mut request: Request,
        keep: Option<Hash>,
        budget: &QueryBudget,
        types: Option<&Types>,
    ) -> Result<Self, Rejection> {
        let too_large = |exceeded: LimitExceeded| Rejection {
            errors: vec![too_complex(exceeded)],
            kind: None,
        };
        budget.check_text(&request.query).map_err(too_large)?;
        let mut document = parser::parse_query(&request.query).map_err(syntax_error)?;
        let chosen = select_operation(&document, request.operation_name.as_deref())?;
        let kind = kind_of(chosen);
        budget
            .check(&document, chosen, &request.variables)
            .map_err(|error| Rejection {
                errors: vec![match error {
                    BudgetError::LimitExceeded(exceeded) => too_complex(exceeded),
                    BudgetError::FragmentCycle(name) => error::coded(
                        code::VALIDATION_FAILED,
                        format!("Cannot spread fragment \"{name}\" within itself."),
                    ),
                }],
                kind: Some(kind),
            })?;
        if let Some(types) = types {
            let input = Input {
                text: &request.query,
                document: &document,
                chosen,
                variables: &request.variables,
                steps: budget.selections.saturating_mul(ALL_OPERATIONS_FACTOR),
            };
            let rewrites = types.validate(&input).map_err(|errors| Rejection {
                errors,
                kind: Some(kind),
            })?;
            for rewrite in rewrites {
                rewrite.apply(&mut document);
            }
            validation::wrap_typenames(&mut document);
        }
        if kind == OperationKind::Subscription {
            let chosen = select_operation(&document, request.operation_name.as_deref())?;
            let root =
                subscription_root::single_field(&document, &chosen.node).map_err(|error| {
                    Rejection {
                        errors: vec![error],
                        kind: Some(kind),
                    }
                })?;
            select_only(&mut document, request.operation_name.as_deref(), root);
        }
        request.set_parsed_query(document);
        let keep = keep.map(|hash| (hash, Arc::from(request.query.as_str())));
        Ok(Self {
            request,
            kind,
            keep,
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
        // Keep fragments so that they count as used in validation; the executor ignores them.
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
