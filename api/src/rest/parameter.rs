//! Parses the parameters of a request.
//!
//! An invalid parameter is an error that begins with its name. Unknown parameters are ignored.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{HeaderValue, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use chrono::NaiveDate;
use entity::{List, Symbol, Timestamp};
use serde::Serialize;
use store::price::Recorded;
use url::form_urlencoded;
use utoipa::{
    IntoParams,
    openapi::{
        KnownFormat, ObjectBuilder, Required, Schema, SchemaFormat, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::AnyOfBuilder,
    },
};

use crate::problem::Problem;
use crate::service::{PageArgs, PageSize};

/// The pattern of a symbol, in any case.
const SYMBOL: &str = "^[A-Za-z0-9.^=/&:_-]{1,32}$";
/// The parameters of a list.
const NAMES: [&str; 5] = ["limit", "from", "to", "after", "before"];

/// The parameters of a list, for the OpenAPI description.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "parsed by hand, so that an error names its parameter"
)]
pub(crate) struct ListQuery {
    /// Maximum number of rows; by default 100 prices or 50 alerts.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    limit: Option<i32>,
    /// Only rows recorded at or after this time: RFC 3339, or a date, which means its start in UTC.
    #[param(schema_with = instant)]
    from: Option<String>,
    /// Only rows recorded before this time. Must not be before `from`.
    #[param(schema_with = instant)]
    to: Option<String>,
    /// Only rows after this cursor from a `Link` header of the list.
    #[param(nullable = false, format = "cursor", min_length = 1)]
    after: Option<String>,
    /// Only rows before this cursor from a `Link` header of the list.
    #[param(nullable = false, format = "cursor", min_length = 1)]
    before: Option<String>,
}

/// The parameters of a list.
#[derive(Clone, Debug)]
pub(crate) struct ListParameters {
    /// The page.
    pub(crate) page: PageArgs,
    /// The page size.
    pub(crate) size: PageSize,
    /// The time range.
    pub(crate) recorded: Recorded,
    /// The other parameters as sent, for the link to the next page.
    sent: BTreeMap<&'static str, String>,
}

impl ListParameters {
    /// Maximum number of rows.
    const MOST: u32 = 1000;

    /// Parses the parameters in a URI. Without `limit`, the page has `default` rows.
    pub(crate) fn read(uri: &Uri, default: u32) -> Result<Self, Problem> {
        let mut sent = query_parameters(uri, &NAMES)?;
        let limit = match sent.get("limit") {
            None => default,
            Some(text) => Some(text)
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok())
                .filter(|limit| (1..=Self::MOST).contains(limit))
                .ok_or_else(|| Problem::parameter("limit", "must be between 1 and 1000"))?,
        };
        let instant = |name: &str| {
            sent.get(name)
                .map(|text| parse_instant(name, text))
                .transpose()
        };
        let recorded = Recorded {
            from: instant("from")?,
            to: instant("to")?,
        };
        let (after, before) = (sent.remove("after"), sent.remove("before"));
        // With `before` alone, the page directly precedes that cursor.
        let backwards = before.is_some() && after.is_none();
        let count = i32::try_from(limit).ok();
        let (first, last) = if backwards {
            (None, count)
        } else {
            (count, None)
        };
        let page = PageArgs {
            first,
            after,
            last,
            before,
            list: None,
        };
        let size = PageSize {
            default,
            most: Self::MOST,
        };
        Ok(Self {
            page,
            size,
            recorded,
            sent,
        })
    }

    /// Accepts only cursors from the `Link` headers of `list`.
    #[must_use]
    pub(crate) fn of_list(mut self, list: List) -> Self {
        self.page.list = Some(list);
        self
    }

    /// Builds the response: the rows, and a `Link` to the rows after the cursor `next`.
    pub(super) fn page<T: Serialize>(&self, rows: Vec<T>, next: Option<String>) -> Response {
        let link = next.map(|cursor| self.next_link(&cursor));
        let mut response = Json(rows).into_response();
        if let Some(value) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, value);
        }
        response
    }

    /// The `Link` header for the page after `cursor`. It is relative to the URL of the request and
    /// has no path, so that a proxy may add a path prefix.
    fn next_link(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.sent).append_pair("after", cursor);
        format!("<?{}>; rel=\"next\"", query.finish())
    }
}

/// Returns the values of the query parameters `names`. Other parameters are ignored.
///
/// # Errors
///
/// A parameter is given twice.
pub(crate) fn query_parameters(
    uri: &Uri,
    names: &[&'static str],
) -> Result<BTreeMap<&'static str, String>, Problem> {
    let mut sent = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let Some(name) = names.iter().find(|known| **known == name) else {
            continue;
        };
        if sent.insert(*name, value.into_owned()).is_some() {
            return Err(Problem::parameter(name, "is given twice"));
        }
    }
    Ok(sent)
}

/// Parses an RFC 3339 instant, or a date, which means its start in UTC.
fn parse_instant(name: &str, text: &str) -> Result<Timestamp, Problem> {
    // An unescaped plus sign is decoded as a space.
    let instant = text.replace(' ', "+").parse();
    let date = || text.parse::<NaiveDate>().map(Timestamp::start_of);
    instant.or_else(|_| date()).map_err(|_| {
        let reason = "must be an RFC 3339 instant (2026-11-22T12:00:00Z) or a date (2026-11-22)";
        Problem::parameter(name, reason)
    })
}

/// The schema of an instant or a date.
fn instant() -> Schema {
    let of = |format| {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(format)))
    };
    let either = AnyOfBuilder::new()
        .item(of(KnownFormat::DateTime))
        .item(of(KnownFormat::Date));
    either.build().into()
}

/// The symbol in a path.
pub(crate) struct SymbolPath(pub Symbol);

impl IntoParams for SymbolPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(SYMBOL));
        let symbol = ParameterBuilder::new()
            .name("symbol")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The ticker, in any case. `/` is encoded as `%2F`."))
            .schema(Some(schema));
        vec![symbol.build()]
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SymbolPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let malformed = || Problem::parameter("symbol", "is malformed");
        let Path(text): Path<String> = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| malformed())?;
        text.parse()
            .map(Self)
            .map_err(|error| Problem::parameter("symbol", error))
    }
}
