//! The guard in front of routes that are not GraphQL.
//!
//! Invariant: what is refused never reaches a route. Applied by the application to its other
//! routers; the GraphQL router guards itself, because there the method is judged between host and
//! origin.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use http::request::Parts;

use super::Guard;
use crate::fault::Fault;

/// The methods that other routes have.
const METHODS: &str = "GET, HEAD, POST";

impl Guard {
    /// Guards every route of the router, its fallback too. `refuse` says how a refusal looks.
    pub fn protect(
        &self,
        router: Router,
        refuse: impl Fn(&Parts, &Fault) -> Response + Send + Sync + 'static,
    ) -> Router {
        let guard = self.clone();
        let refuse = Arc::new(refuse);
        router.layer(middleware::from_fn(move |request: Request, next: Next| {
            let guard = guard.clone();
            let refuse = Arc::clone(&refuse);
            async move {
                let (parts, body) = request.into_parts();
                let sharing = guard.sharing(&parts);
                let mut response = match guard.judge(&parts) {
                    Err(fault) => refuse(&parts, &fault),
                    Ok(()) if Self::is_preflight(&parts) => {
                        Self::preflight(METHODS, &parts.headers)
                    }
                    Ok(()) => next.run(Request::from_parts(parts, body)).await,
                };
                sharing.apply(response.headers_mut());
                response
            }
        }))
    }

    fn judge(&self, parts: &Parts) -> Result<(), Fault> {
        self.check_host(parts)?;
        let is_page = self.pages.iter().any(|page| page == parts.uri.path());
        if is_page && Self::is_navigation(parts) {
            return Ok(());
        }
        self.check_origin(parts)
    }
}
