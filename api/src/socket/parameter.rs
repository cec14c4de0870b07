//! The parameters of `/ws`.

use axum::http::Uri;
use entity::Symbol;

use crate::{problem::Problem, rest::query_parameters};

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Parameters {
    /// Events of these symbols only; of all tracked ones if `None`.
    pub(super) symbols: Option<Vec<Symbol>>,
    /// Everything after this cursor; only what is new if `None`.
    pub(super) after: Option<String>,
    /// Whether frames have cursors: with any parameter, since a client without one may not know that key.
    pub(super) with_cursor: bool,
}

impl Parameters {
    /// Reads `?symbols=AAPL,IBM&after=…`.
    ///
    /// # Errors
    ///
    /// 400, naming the parameter.
    pub(super) fn read(uri: &Uri) -> Result<Self, Problem> {
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

/// An empty text is an empty list, which is refused as GraphQL refuses it.
fn parse_symbols(text: &str) -> Result<Vec<Symbol>, Problem> {
    let listed = text.split(',').filter(|_| !text.is_empty());
    let parse = |symbol: &str| {
        symbol
            .parse()
            .map_err(|error| Problem::parameter("symbols", format!("{symbol:?} {error}")))
    };
    listed.map(parse).collect()
}
