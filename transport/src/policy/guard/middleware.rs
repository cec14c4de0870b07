//! Host and origin checks as middleware, for routes other than GraphQL.
//!
//! The GraphQL routes do the same checks themselves, because they check the method in between.

use std::sync::Arc;

use axum::{
    Router,
    extract::{MatchedPath, Request},
    middleware::{self, Next},
    response::Response,
};
use http::request::Parts;

use super::Guard;
use crate::error::RequestError;

/// The methods that a preflight allows.
const METHODS: &str = "GET, HEAD, POST";

impl Guard {
    /// Checks every request to the router, including its fallback. `reject` creates the response to
    /// a request that is rejected.
    pub fn protect(
        &self,
        router: Router,
        reject: impl Fn(&Parts, &RequestError) -> Response + Send + Sync + 'static,
    ) -> Router {
        let guard = self.clone();
        let reject = Arc::new(reject);
        router.layer(middleware::from_fn(move |request: Request, next: Next| {
            let guard = guard.clone();
            let reject = Arc::clone(&reject);
            async move {
                let (parts, body) = request.into_parts();
                let cors = guard.cors_headers(&parts);
                let mut response = match guard.check(&parts) {
                    Err(error) => reject(&parts, &error),
                    Ok(()) if Self::is_preflight(&parts) => {
                        Self::preflight(METHODS, &parts.headers)
                    }
                    Ok(()) => next.run(Request::from_parts(parts, body)).await,
                };
                cors.apply(response.headers_mut());
                response
            }
        }))
    }

    fn check(&self, parts: &Parts) -> Result<(), RequestError> {
        self.check_host(parts)?;
        let route = parts.extensions.get::<MatchedPath>();
        let is_page = route.is_some_and(|route| self.pages.iter().any(|it| it == route.as_str()));
        if is_page && Self::is_navigation(parts) {
            return Ok(());
        }
        self.check_origin(parts)
    }
}
