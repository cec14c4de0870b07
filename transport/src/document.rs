//! From a request's text to a parsed document whose operation is chosen.
//!
//! Invariant: a document is parsed once, here; what executes it gets it parsed. Called by every
//! transport before anything is executed.

use async_graphql::{
    Request, ServerError,
    parser::{
        self,
        types::{DocumentOperations, ExecutableDocument, OperationType},
    },
};

use crate::{
    fault::{self, code},
    observer::Kind,
};

/// A request that can be executed.
#[derive(Debug)]
pub(crate) struct Operation {
    /// With its parsed document.
    pub(crate) request: Request,
    /// Of the operation that was chosen.
    pub(crate) kind: Kind,
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
    /// Parses the document and chooses the operation.
    pub(crate) fn prepare(mut request: Request) -> Result<Self, Rejection> {
        let document = parser::parse_query(&request.query).map_err(syntax)?;
        let kind = choose(&document, request.operation_name.as_deref())?;
        request.set_parsed_query(document);
        Ok(Self { request, kind })
    }
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

fn choose(document: &ExecutableDocument, name: Option<&str>) -> Result<Kind, Rejection> {
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
    match operation {
        Ok(operation) => Ok(match operation.node.ty {
            OperationType::Query => Kind::Query,
            OperationType::Mutation => Kind::Mutation,
            OperationType::Subscription => Kind::Subscription,
        }),
        Err(message) => Err(Rejection {
            errors: vec![fault::error(code::VALIDATION_FAILED, message)],
            kind: None,
        }),
    }
}
