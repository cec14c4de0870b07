//! From a request's text to a parsed document whose operation is chosen and not too large.
//!
//! Invariant: a document is parsed once, here; what executes it gets it parsed. Called by every
//! transport before anything is executed.

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

use crate::{
    budget::{Budget, Excess, Refusal},
    fault::{self, code},
    observer::Kind,
    persisted::Hash,
    root,
    validation::{self, Subject, Types},
};

/// How many times what one operation may select all operations of a document may select.
const WHOLE: u64 = 10;

/// A request that can be executed.
#[derive(Debug)]
pub(crate) struct Operation {
    /// With its parsed document.
    pub(crate) request: Request,
    /// Of the operation that was chosen.
    pub(crate) kind: Kind,
    /// What to keep once it has proved valid.
    pub(crate) keep: Option<(Hash, Arc<str>)>,
}

/// A request that cannot.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// Why.
    pub(crate) errors: Vec<ServerError>,
    /// If it is known what was asked for.
    pub(crate) kind: Option<Kind>,
}

impl Operation {
    /// Parses the document, chooses the operation, judges its size and, against types, what it says.
    pub(crate) fn prepare(
        mut request: Request,
        keep: Option<Hash>,
        budget: &Budget,
        types: Option<&Types>,
    ) -> Result<Self, Rejection> {
        let too_large = |excess: Excess| Rejection {
            errors: vec![too_complex(excess)],
            kind: None,
        };
        budget.check_text(&request.query).map_err(too_large)?;
        let mut document = parser::parse_query(&request.query).map_err(syntax)?;
        let chosen = choose(&document, request.operation_name.as_deref())?;
        let kind = kind(chosen);
        budget
            .check(&document, chosen, &request.variables)
            .map_err(|refusal| Rejection {
                errors: vec![match refusal {
                    Refusal::Excess(excess) => too_complex(excess),
                    Refusal::Cycle(name) => fault::error(
                        code::VALIDATION_FAILED,
                        format!("the fragment {name:?} contains itself"),
                    ),
                }],
                kind: Some(kind),
            })?;
        if let Some(types) = types {
            let subject = Subject {
                text: &request.query,
                document: &document,
                chosen,
                variables: &request.variables,
                steps: budget.selections.saturating_mul(WHOLE),
            };
            let rewrites = types.validate(&subject).map_err(|errors| Rejection {
                errors,
                kind: Some(kind),
            })?;
            for rewrite in rewrites {
                rewrite.apply(&mut document);
            }
            validation::wrap_typenames(&mut document);
        }
        if kind == Kind::Subscription {
            let chosen = choose(&document, request.operation_name.as_deref())?;
            let root = root::only(&document, &chosen.node).map_err(|error| Rejection {
                errors: vec![error],
                kind: Some(kind),
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

/// Makes `root` the chosen operation's only field.
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
        // Fragments stay, so that validation sees them used; the executor passes over them.
        items.retain(|item| !matches!(item.node, Selection::Field(_)));
        items.insert(0, selection);
    }
}

fn too_complex(Excess { of, limit }: Excess) -> ServerError {
    let message = format!("the operation is too large: it may have {limit} {of} at most");
    fault::error(code::QUERY_TOO_COMPLEX, message)
}

fn syntax(error: parser::Error) -> Rejection {
    let code = match error {
        parser::Error::Syntax { .. } => code::PARSE_FAILED,
        parser::Error::RecursionLimitExceeded => code::QUERY_TOO_COMPLEX,
        _ => code::VALIDATION_FAILED,
    };
    Rejection {
        errors: vec![fault::with_code(error.into(), code)],
        kind: None,
    }
}

fn kind(operation: &Positioned<OperationDefinition>) -> Kind {
    match operation.node.ty {
        OperationType::Query => Kind::Query,
        OperationType::Mutation => Kind::Mutation,
        OperationType::Subscription => Kind::Subscription,
    }
}

fn choose<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a Positioned<OperationDefinition>, Rejection> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(operation),
        (DocumentOperations::Multiple(operations), Some(name)) => operations
            .get(name)
            .ok_or_else(|| format!("no operation is named {name:?}")),
        (DocumentOperations::Single(_), Some(name)) => {
            Err(format!("no operation is named {name:?}"))
        }
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            match (all.next(), all.next()) {
                (Some(only), None) => Ok(only),
                _ => {
                    Err("the document has several operations: `operationName` must name one".into())
                }
            }
        }
    };
    operation.map_err(|message| Rejection {
        errors: vec![fault::error(code::VALIDATION_FAILED, message)],
        kind: None,
    })
}
