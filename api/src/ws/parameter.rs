//! The query parameters of `/ws`.

use axum::http::Uri;
use entity::Symbol;

use crate::{problem::Problem, rest::query_parameters};

/// The query parameters.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Selects events of these symbols; `None` selects all tracked symbols.
    pub(super) symbols: Option<Vec<Symbol>>,
    /// Resumes after this cursor; `None` starts with new events.
    pub(super) after: Option<String>,
    /// Whether frames have cursors: only if the request has a parameter, because older clients may
    /// reject the additional key.
    pub(super) with_cursor: bool,
}

impl Parameters {
    /// Parses `?symbols=AAPL,IBM&after=…`.
    ///
    /// # Errors
    ///
    /// 400, naming the parameter.
    pub(super) fn parse(uri: &Uri) -> Result<Self, Problem> {
        let mut sent = query_parameters(uri, &["symbols", "after"])?;
        let with_cursor = !sent.is_empty();
        let symbols = sent.remove("symbols").map(|text| parse_symbols(&text));
        Ok(Self {
            symbols: symbols.transpose()?,
            after: sent.remove("after"),
            with_cursor,
        })
    }
}

/// Parses a comma list. Empty text is an empty list, which the service rejects.
fn parse_symbols(text: &str) -> Result<Vec<Symbol>, Problem> {
    let listed = text.split(',').filter(|_| !text.is_empty());
    let parse = |symbol: &str| {
        symbol
            .parse()
            .map_err(|error| Problem::parameter("symbols", format!("{symbol:?} {error}")))
    };
    listed.map(parse).collect()
}
