//! Authentication by bearer token, client addresses behind proxies, and the rate limit.
//!
//! Tokens are compared in constant time and never read from a URL. A wrong token is rejected even
//! where none is required.

mod proxy;
mod rate_limit;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use runtime::config::Secret;
use subtle::ConstantTimeEq;
use transport::RequestError;

pub(crate) use proxy::TrustedProxies;
pub(crate) use rate_limit::{RateLimit, limit};

use crate::problem::Problem;

/// The permissions of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Viewer {
    /// May read.
    Reader,
    /// Holds the admin token: may read and write.
    Admin,
}

/// The tokens that are accepted. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    admin: Secret,
    read: Option<Secret>,
}

impl AccessTokens {
    /// Accepts `admin` for everything. If `read` is set, reading requires one of the two.
    pub(crate) fn new(admin: Secret, read: Option<Secret>) -> Self {
        Self { admin, read }
    }

    /// Authenticates a client by the value of its `Authorization` header.
    ///
    /// # Errors
    ///
    /// 401 if the token is wrong, or missing while reading requires one.
    pub(crate) fn authenticate(&self, authorization: Option<&str>) -> Result<Viewer, RequestError> {
        let Some(authorization) = authorization else {
            return match self.read {
                None => Ok(Viewer::Reader),
                Some(_) => Err(RequestError::unauthenticated("reading requires a token")),
            };
        };
        let token = transport::bearer_token(authorization).ok_or_else(|| {
            RequestError::unauthenticated("the Authorization header is not a bearer token")
        })?;
        let is =
            |secret: &Secret| -> bool { secret.expose().as_bytes().ct_eq(token.as_bytes()).into() };
        // Both are always compared, so that the time does not reveal which one is similar.
        let (admin, read) = (is(&self.admin), self.read.as_ref().is_some_and(is));
        match (admin, read) {
            (true, _) => Ok(Viewer::Admin),
            (false, true) => Ok(Viewer::Reader),
            (false, false) => Err(RequestError::unauthenticated("the token is wrong")),
        }
    }
}

/// Middleware: requires permission to read.
pub(crate) async fn require_reader(
    State(access): State<AccessTokens>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let authorization = transport::authorization(request.headers());
    access.authenticate(authorization.as_deref())?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(read: Option<&str>) -> AccessTokens {
        AccessTokens::new(Secret::new("root"), read.map(Secret::new))
    }

    fn viewer(access: &AccessTokens, authorization: Option<&str>) -> Option<Viewer> {
        access.authenticate(authorization).ok()
    }

    #[test]
    fn without_a_read_token_anyone_reads_but_a_wrong_token_is_rejected() {
        let access = access(None);
        assert_eq!(viewer(&access, None), Some(Viewer::Reader));
        assert_eq!(viewer(&access, Some("Bearer root")), Some(Viewer::Admin));
        assert_eq!(viewer(&access, Some("bearer  root")), Some(Viewer::Admin));
        for wrong in ["Bearer wrong", "Bearer ", "Basic root", "root", ""] {
            assert_eq!(viewer(&access, Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn with_a_read_token_reading_requires_one_of_the_two() {
        let access = access(Some("desk"));
        assert_eq!(viewer(&access, None), None);
        assert_eq!(viewer(&access, Some("Bearer desk")), Some(Viewer::Reader));
        assert_eq!(viewer(&access, Some("Bearer root")), Some(Viewer::Admin));
    }
}
