//! Content negotiation: there is JSON, and whoever takes none of it is told so.
//!
//! One invariant: a client is refused only if it named what it takes and JSON is not of it.

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::problem::Problem;

/// Middleware: 406 for whoever does not take JSON.
pub(crate) async fn require_json(request: Request, next: Next) -> Result<Response, Problem> {
    if takes_json(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "answers are application/json",
    ))
}

fn takes_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let listed = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|it| it.split(','));
    let mut ranges = listed
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none() || ranges.any(is_json)
}

/// Whether a media range has JSON in it, with a weight above 0.
fn is_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, weight)| name.trim() == "q" && weight.trim().parse() == Ok(0.0_f32));
    matches!(kind.as_str(), "*/*" | "application/*" | "application/json") && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_something_else_is_refused() {
        let takes = |value: &str| {
            let value = value.parse().expect("a header value");
            takes_json(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        for value in [
            "*/*",
            "text/html, application/json;q=0.1",
            "Application/*",
            "",
            "a/b, */*",
        ] {
            assert!(takes(value), "{value}");
        }
        for value in [
            "application/xml",
            "application/json;q=0",
            "text/*;q=1, image/png",
        ] {
            assert!(!takes(value), "{value}");
        }
        assert!(takes_json(&HeaderMap::new()));
    }
}
