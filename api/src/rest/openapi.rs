//! What the description says of every operation alike: its faults, its headers, and that `HEAD` is answered too.
//!
//! One invariant: said in one place; a handler describes only what it answers when all is well.

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

/// The description of everything here.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stock Tracker",
        description = "Stocks, exact prices and alerts. Numbers are JSON numbers with their exact digits. \
                       An unknown path is 404, a method other than GET and HEAD is 405 with `Allow`, both as problems; \
                       unknown parameters are ignored.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        super::stock::stocks,
        super::stock::stock,
        super::stock::history,
        super::stock::alerts,
        super::alert::alerts,
        super::health::health,
        super::health::livez,
        super::health::readyz,
        description
    ),
    // Relative to the description's own URL, so that it holds below a path of a proxy, too.
    servers((url = "../..")),
    components(schemas(Problem)),
    modifiers(&CommonResponses)
)]
struct Description;

/// The description as JSON, OpenAPI 3.1.
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

const ETAG: HeaderDoc = ("ETag", "Strong: of the very bytes of the answer.");
const LINK: HeaderDoc = (
    "Link",
    "The page that follows, as `rel=\"next\"`, if the list goes on.",
);
const RETRY_AFTER: HeaderDoc = (
    "Retry-After",
    "After how many seconds another try makes sense.",
);
const CHALLENGE: HeaderDoc = ("WWW-Authenticate", "How to say who asks: `Bearer`.");
/// What paths of one stock have in them.
const STOCK: &str = "{symbol}";
/// What a token is called among the ways to say who asks.
const BEARER: &str = "bearer";

/// Which operations a fault is one of.
#[derive(Clone, Copy)]
enum Of {
    All,
    AllButProbes,
    WithParameters,
    Stocks,
}

/// Status, operations, meaning, and the header that it always has.
const FAULTS: [(&str, Of, &str, Option<HeaderDoc>); 9] = [
    (
        "400",
        Of::WithParameters,
        "A parameter is wrong: the detail begins with its name.",
        None,
    ),
    (
        "401",
        Of::AllButProbes,
        "The token is wrong, or missing where one is needed.",
        Some(CHALLENGE),
    ),
    ("403", Of::All, "A website asks that may not.", None),
    ("404", Of::Stocks, "There is no such stock here.", None),
    ("406", Of::AllButProbes, "The client takes no JSON.", None),
    (
        "421",
        Of::All,
        "The server does not go by that host name.",
        None,
    ),
    (
        "429",
        Of::AllButProbes,
        "The client asked too often.",
        Some(RETRY_AFTER),
    ),
    (
        "500",
        Of::All,
        "A defect of the server, told by the id of the request.",
        None,
    ),
    (
        "503",
        Of::AllButProbes,
        "The database is away.",
        Some(RETRY_AFTER),
    ),
];

/// Completes the description.
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
        // With a token or without one.
        let anybody = SecurityRequirement::default();
        let holder = SecurityRequirement::new(BEARER, Vec::<String>::new());
        get.security = Some(vec![anybody, holder]);
    }
    let is_list = get
        .parameters
        .iter()
        .flatten()
        .any(|it| matches!(it, RefOr::T(it) if it.name == "limit"));
    if !is_probe && path != OPENAPI {
        let known = ResponseBuilder::new().description("The client has it already.");
        let answers = &mut get.responses.responses;
        answers.insert("304".to_owned(), known.build().into());
        let tags = ParameterBuilder::new()
            .name("If-None-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The tags that the client has, or `*`."))
            .schema(Some(Object::with_type(Type::String)));
        get.parameters
            .get_or_insert_default()
            .push(tags.build().into());
        for answer in answers.values_mut() {
            let RefOr::T(answer) = answer else { continue };
            promise(answer, ETAG);
            if is_list {
                answer
                    .headers
                    .insert(LINK.0.to_owned(), header(LINK).into());
            }
        }
    }
    for (status, of, meaning, always) in FAULTS {
        let applies = match of {
            Of::All => true,
            Of::AllButProbes => !is_probe,
            Of::WithParameters => is_list || path.contains(STOCK),
            Of::Stocks => path.contains(STOCK),
        };
        if applies {
            let mut answer = problem(meaning);
            if let Some(told) = always {
                promise(&mut answer, told);
            }
            let answers = &mut get.responses.responses;
            answers.insert(status.to_owned(), answer.into());
        }
    }
    item.head = Some(head(get.clone()));
}

/// The same operation without any body.
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

/// Says that an answer always has a header, for which the library has no word.
fn promise(answer: &mut Response, told: HeaderDoc) {
    let mut header = header(told);
    let always = [("required", Value::Bool(true))];
    header.extensions = Some(Extensions::from_iter(always));
    answer.headers.insert(told.0.to_owned(), header.into());
}
