//! What a client reads of an error.
//!
//! One invariant: every error has a code, and no error has a word that was not written for clients: what a resolver did
//! not mean to say is logged under a request id, and the client gets the id.

use std::sync::Arc;

use async_graphql::{ErrorExtensionValues, Response, ServerError};
use transport::code;

use crate::service::Error;

/// Makes every error of a response one for clients.
pub(super) fn mask(response: &mut Response) {
    response.errors.iter_mut().for_each(mask_error);
}

/// Makes an error one for clients.
pub(super) fn mask_error(error: &mut ServerError) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_some() {
        return;
    }
    let source = error.source.take();
    let ours = source.as_ref().and_then(|source| {
        let direct = source.downcast_ref::<Error>();
        direct.or_else(|| source.downcast_ref::<Arc<Error>>().map(AsRef::as_ref))
    });
    match (ours, source.is_some()) {
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
        // The library's own words: of a document that does not fit before execution, of a value that does not after.
        (None, false) if error.path.is_empty() => extensions.set("code", code::VALIDATION_FAILED),
        (None, false) => extensions.set("code", code::BAD_USER_INPUT),
        (known, _) => {
            let request_id = conceal(extensions);
            let cause = known.and_then(Error::cause);
            let message = &error.message;
            tracing::error!(request_id, cause = ?cause, path = ?error.path, "{message}");
            "internal error".clone_into(&mut error.message);
        }
    }
}

fn conceal(extensions: &mut ErrorExtensionValues) -> String {
    let request_id = runtime::random::draw_id();
    extensions.set("code", code::INTERNAL);
    extensions.set("requestId", request_id.clone());
    request_id
}
