//! Who may do what, by bearer token, and how much of it.
//!
//! One invariant: a token is compared in constant time, and a wrong one is refused everywhere, even where none is
//! needed; it is never read from a URL.

mod proxy;
mod rate_limit;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use runtime::config::Secret;
use subtle::ConstantTimeEq;
use transport::Fault;

pub(crate) use proxy::{TrustedProxies, identify};
pub(crate) use rate_limit::{RateLimit, limit};

use crate::problem::Problem;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Viewer {
    /// Somebody who may read.
    Reader,
    /// Whoever holds the admin token.
    Admin,
}

/// The tokens; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokens {
    admin: Secret,
    read: Option<Secret>,
}

impl AccessTokens {
    /// `admin` may do everything; with a `read` token nobody reads without one of the two.
    pub(crate) fn new(admin: Secret, read: Option<Secret>) -> Self {
        Self { admin, read }
    }

    /// Who sent an `Authorization` header of this value.
    pub(crate) fn authenticate(&self, authorization: Option<&str>) -> Result<Viewer, Fault> {
        let Some(authorization) = authorization else {
            return match self.read {
                None => Ok(Viewer::Reader),
                Some(_) => Err(Fault::unauthenticated("a token is needed to read here")),
            };
        };
        let token = bearer(authorization)
            .ok_or_else(|| Fault::unauthenticated("the authorization is not a bearer token"))?;
        let is =
            |secret: &Secret| -> bool { secret.expose().as_bytes().ct_eq(token.as_bytes()).into() };
        // Both are always compared, so that the time taken does not tell them apart.
        let (admin, read) = (is(&self.admin), self.read.as_ref().is_some_and(is));
        match (admin, read) {
            (true, _) => Ok(Viewer::Admin),
            (false, true) => Ok(Viewer::Reader),
            (false, false) => Err(Fault::unauthenticated("the token is wrong")),
        }
    }
}

/// Middleware: lets pass whoever may read, and refuses a wrong token.
pub(crate) async fn require_reader(
    State(access): State<AccessTokens>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    access.authenticate(authorization(request.headers())?.as_deref())?;
    Ok(next.run(request).await)
}

/// What a request says of who sends it: the header, or, for browsers' sockets, a subprotocol `bearer.<token>`.
fn authorization(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let malformed = || Fault::unauthenticated("the authorization is not readable");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(value) = values.next() {
        return match (value.to_str(), values.next()) {
            (Ok(text), None) => Ok(Some(text.to_owned())),
            _ => Err(malformed()),
        };
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|it| it.split(','));
    let token = offered.find_map(|protocol| protocol.trim().strip_prefix("bearer."));
    Ok(token.map(|token| format!("Bearer {token}")))
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
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
    fn without_a_read_token_everybody_reads_but_a_wrong_token_is_refused() {
        let access = access(None);
        assert_eq!(viewer(&access, None), Some(Viewer::Reader));
        assert_eq!(viewer(&access, Some("Bearer root")), Some(Viewer::Admin));
        assert_eq!(viewer(&access, Some("bearer  root")), Some(Viewer::Admin));
        for wrong in ["Bearer wrong", "Bearer ", "Basic root", "root", ""] {
            assert_eq!(viewer(&access, Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn with_a_read_token_reading_needs_one_of_the_two() {
        let access = access(Some("desk"));
        assert_eq!(viewer(&access, None), None);
        assert_eq!(viewer(&access, Some("Bearer desk")), Some(Viewer::Reader));
        assert_eq!(viewer(&access, Some("Bearer root")), Some(Viewer::Admin));
    }
}
