//! Masks internal errors: the client gets a request ID, under which the cause is logged.
//!
//! Every error in a response has a code, and a message that is written for clients.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Response, ServerError};
use transport::code;

use crate::service::Error;

/// Masks all errors of a response.
pub(super) fn mask(response: &mut Response) {
    response.errors.iter_mut().for_each(mask_error);
}

/// Masks an error, unless it already has a code.
pub(super) fn mask_error(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_some() {
        return;
    }
    let source = error.source.take();
    let service_error = source.as_ref().and_then(|source| {
        let direct = source.downcast_ref::<Error>();
        direct.or_else(|| source.downcast_ref::<Arc<Error>>().map(AsRef::as_ref))
    });
    match (service_error, source.is_some()) {
        (Some(known), _) if known.code() != code::INTERNAL => {
            if let Some(cause) = known.cause() {
                let request_id = runtime::random::draw_id();
                tracing::warn!(request_id, cause = cause.as_dyn(), path = ?error.path, "{known}");
                extensions.set("requestId", request_id);
            }
            extensions.set("code", known.code());
            if let Some(seconds) = known.retry_after() {
                extensions.set("retryAfter", seconds);
            }
            if let Some(reason) = known.reason() {
                extensions.set("reason", reason);
            }
        }
        // Errors of async-graphql: without a path the document is invalid, with a path a value is.
        (None, false) if error.path.is_empty() => extensions.set("code", code::VALIDATION_FAILED),
        (None, false) => extensions.set("code", code::BAD_USER_INPUT),
        (known, _) => {
            let request_id = set_internal(extensions);
            let cause = known.and_then(Error::cause);
            let message = &error.message;
            tracing::error!(request_id, cause = ?cause, path = ?error.path, "{message}");
            "internal error".clone_into(&mut error.message);
        }
    }
}

/// Sets the code of an internal error. Returns the request ID.
fn set_internal(extensions: &mut ErrorExtensionValues) -> String {
    let request_id = runtime::random::draw_id();
    extensions.set("code", code::INTERNAL);
    extensions.set("requestId", request_id.clone());
    request_id
}
