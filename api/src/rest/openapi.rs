//! The OpenAPI description.
//!
//! Handlers describe their successful responses. What all operations have in common (errors,
//! headers, `HEAD`) is added here.

use axum::Json;
use serde_json::Value;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Content, Object, Ref, RefOr, Required, Type,
        extensions::Extensions,
        header::{Header, HeaderBuilder},
        path::{Operation, ParameterBuilder, ParameterIn, PathItem},
        response::{Response, ResponseBuilder},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{HEALTH, LIVEZ, OPENAPI, READYZ};
use crate::problem::Problem;

/// The description of the REST API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stock Tracker",
        description = "Stocks, exact prices and alerts. Numbers are JSON numbers with their exact digits. \
                       An unknown path is 404, a method other than GET and HEAD is 405 with `Allow`, both as problem details. \
                       Unknown parameters are ignored.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        super::stock::stocks,
        super::stock::stock,
        super::stock::history,
        super::stock::alerts,
        super::alert::alerts,
        super::rule::rules,
        super::health::health,
        super::health::livez,
        super::health::readyz,
        description
    ),
    // Relative to the URL of the description, so that a proxy may add a path prefix.
    servers((url = "../..")),
    components(schemas(Problem)),
    modifiers(&CommonResponses)
)]
struct Description;

/// Returns the description, OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// This description, OpenAPI 3.1.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operation", responses((status = 200, body = Object)))]
pub(super) async fn description() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}

/// A header's name and meaning.
type HeaderDoc = (&'static str, &'static str);

const ETAG: HeaderDoc = ("ETag", "A strong tag of the body.");
const LINK: HeaderDoc = ("Link", "The next page, as `rel=\"next\"`, if there is one.");
const RETRY_AFTER: HeaderDoc = ("Retry-After", "Seconds after which to retry.");
const CHALLENGE: HeaderDoc = ("WWW-Authenticate", "The authentication scheme: `Bearer`.");
/// The parameter in the paths of one stock.
const SYMBOL: &str = "{symbol}";
/// The name of the security scheme.
const BEARER: &str = "bearer";

/// The operations that an error applies to.
#[derive(Clone, Copy)]
enum AppliesTo {
    All,
    ExceptProbes,
    WithParameters,
    Stocks,
}

/// Errors: status, operations, description, and a header that is always present.
const ERRORS: [(&str, AppliesTo, &str, Option<HeaderDoc>); 9] = [
    (
        "400",
        AppliesTo::WithParameters,
        "A parameter is invalid. The detail begins with its name.",
        None,
    ),
    (
        "401",
        AppliesTo::ExceptProbes,
        "The token is wrong, or missing although one is required.",
        Some(CHALLENGE),
    ),
    (
        "403",
        AppliesTo::All,
        "The origin of the request is not allowed.",
        None,
    ),
    ("404", AppliesTo::Stocks, "The stock is unknown.", None),
    (
        "406",
        AppliesTo::ExceptProbes,
        "The client does not accept JSON.",
        None,
    ),
    ("421", AppliesTo::All, "The host name is not allowed.", None),
    (
        "429",
        AppliesTo::ExceptProbes,
        "The rate limit is exceeded.",
        Some(RETRY_AFTER),
    ),
    (
        "500",
        AppliesTo::All,
        "An internal error. The detail has the id under which the server logged it.",
        None,
    ),
    (
        "503",
        AppliesTo::ExceptProbes,
        "The database is unavailable.",
        Some(RETRY_AFTER),
    ),
];

/// Adds what all operations have in common.
pub(super) struct CommonResponses;

impl Modify for CommonResponses {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(BEARER, SecurityScheme::Http(scheme));
        for (path, item) in &mut document.paths.paths {
            complete(path, item);
        }
    }
}

fn complete(path: &str, item: &mut PathItem) {
    let Some(get) = &mut item.get else { return };
    let is_probe = [HEALTH, LIVEZ, READYZ].contains(&path);
    if !is_probe {
        // With or without a token.
        let anonymous = SecurityRequirement::default();
        let with_token = SecurityRequirement::new(BEARER, Vec::<String>::new());
        get.security = Some(vec![anonymous, with_token]);
    }
    let is_list = get
        .parameters
        .iter()
        .flatten()
        .any(|it| matches!(it, RefOr::T(it) if it.name == "limit"));
    if !is_probe && path != OPENAPI {
        let known = ResponseBuilder::new().description("The client has the current version.");
        let answers = &mut get.responses.responses;
        answers.insert("304".to_owned(), known.build().into());
        let tags = ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The tags of the versions that the client has, or `*`.",
            ))
            .schema(Some(Object::with_type(Type::String)));
        get.parameters
            .get_or_insert_default()
            .push(tags.build().into());
        for answer in answers.values_mut() {
            let RefOr::T(answer) = answer else { continue };
            require_header(answer, ETAG);
            if is_list {
                answer
                    .headers
                    .insert(LINK.0.to_owned(), header(LINK).into());
            }
        }
    }
    for (status, of, meaning, always) in ERRORS {
        let applies = match of {
            AppliesTo::All => true,
            AppliesTo::ExceptProbes => !is_probe,
            AppliesTo::WithParameters => is_list || path.contains(SYMBOL),
            AppliesTo::Stocks => path.contains(SYMBOL),
        };
        if applies {
            let mut answer = problem(meaning);
            if let Some(required) = always {
                require_header(&mut answer, required);
            }
            let answers = &mut get.responses.responses;
            answers.insert(status.to_owned(), answer.into());
        }
    }
    item.head = Some(head(get.clone()));
}

/// The `HEAD` operation: the same responses without bodies.
fn head(mut operation: Operation) -> Operation {
    operation.operation_id = operation.operation_id.map(|id| format!("{id}_head"));
    for answer in operation.responses.responses.values_mut() {
        if let RefOr::T(answer) = answer {
            answer.content.clear();
        }
    }
    operation
}

fn problem(meaning: &str) -> Response {
    let body = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new()
        .description(meaning)
        .content("application/problem+json", body)
        .build()
}

fn header((_, meaning): HeaderDoc) -> Header {
    HeaderBuilder::from(Header::default())
        .description(Some(meaning))
        .build()
}

/// Documents a header that is always present. `required` is missing in the library, so it is set as
/// an extension.
fn require_header(answer: &mut Response, required: HeaderDoc) {
    let mut header = header(required);
    let always = [("required", Value::Bool(true))];
    header.extensions = Some(Extensions::from_iter(always));
    answer.headers.insert(required.0.to_owned(), header.into());
}
