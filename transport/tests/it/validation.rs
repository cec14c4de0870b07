//! Validation that async-graphql lacks, on every transport.

use async_graphql::Value as ConstValue;
use serde_json::{Value, json};
use transport::{Limits, Scalars, Types};

use crate::{
    app::App,
    client::Client,
    demo::{Counter, schema},
};

/// Accepts any value except "no".
struct AnythingElse;

impl Scalars for AnythingElse {
    fn check(&self, scalar: &str, value: &ConstValue) -> Result<(), String> {
        match value {
            ConstValue::String(text) if scalar == "Word" && text == "no" => {
                Err("it must not be \"no\"".to_owned())
            }
            _ => Ok(()),
        }
    }
}

async fn start() -> App {
    let types = Types::from_sdl(&schema(Counter::default()).sdl()).expect("a schema");
    let types = types.with_scalars(AnythingElse);
    App::start_with(Limits::default(), false, |transport| {
        transport.with_types(types)
    })
    .await
}

/// Invalid requests, each with the code and the first location of its error.
fn invalid_requests() -> Vec<(Value, &'static str, Value)> {
    let query = |query: &str, variables: Value| json!({"query": query, "variables": variables});
    let at = |column: u32| json!({"line": 1, "column": column});
    vec![
        (
            query(
                "{ nodes { children { x: id } } nodes { children { x: __typename } } }",
                json!({}),
            ),
            "GRAPHQL_VALIDATION_FAILED",
            at(22),
        ),
        (
            query("{ sayings(tone: \"LOUD\") }", json!({})),
            "GRAPHQL_VALIDATION_FAILED",
            at(17),
        ),
        (
            query("{ word(of: {text: \"a\", text: \"b\"}) }", json!({})),
            "GRAPHQL_VALIDATION_FAILED",
            at(24),
        ),
        (
            query("query($t: [Nope] = [1]) { echo(text: $t) }", json!({})),
            "GRAPHQL_VALIDATION_FAILED",
            at(7),
        ),
        (
            query("query($t: String) { echo(text: $t) }", json!({"t": "a"})),
            "GRAPHQL_VALIDATION_FAILED",
            at(7),
        ),
        (
            query("query($t: String!) { echo(text: $t) }", json!({})),
            "BAD_USER_INPUT",
            at(7),
        ),
        (
            query("query($t: String!) { echo(text: $t) }", json!({"t": 5})),
            "BAD_USER_INPUT",
            at(7),
        ),
        (
            query(
                "query($t: Tone) { sayings(tone: $t) }",
                json!({"t": "SHRILL"}),
            ),
            "BAD_USER_INPUT",
            at(7),
        ),
        (
            query("{ word(of: {text: \"no\"}) }", json!({})),
            "BAD_USER_INPUT",
            at(12),
        ),
        (
            query(
                "query($w: Word!) { word(of: {text: $w}) }",
                json!({"w": "no"}),
            ),
            "BAD_USER_INPUT",
            at(7),
        ),
        (
            query(
                "subscription($n: Int!) { count(to: $n) }",
                json!({"n": "3"}),
            ),
            "BAD_USER_INPUT",
            at(14),
        ),
    ]
}

#[tokio::test]
async fn invalid_documents_are_request_errors_on_every_transport() {
    let app = start().await;
    let mut client = Client::ready(&app).await;
    for (request, code, place) in invalid_requests() {
        for (accept, status) in [
            ("application/graphql-response+json", 400),
            ("application/json", 200),
        ] {
            let posted = app.post(&request).header("accept", accept);
            let response = posted.send().await.expect("response");
            assert_eq!(response.status(), status, "{request}");
            let body: Value = response.json().await.expect("JSON");
            assert_eq!(body.get("data"), None, "{request}");
            let error = &body["errors"][0];
            assert_eq!(error["extensions"]["code"], code, "{request}: {error}");
            assert_eq!(error["locations"][0], place, "{request}: {error}");
        }
        let streamed = app.post(&request).header("accept", "text/event-stream");
        let text = streamed
            .send()
            .await
            .expect("response")
            .text()
            .await
            .expect("text");
        assert!(
            text.contains(code) && !text.contains("\"data\""),
            "{request}: {text}"
        );
        let subscribe = json!({"type": "subscribe", "id": "a", "payload": request});
        client.send(&subscribe).await;
        let error = client.receive().await;
        assert_eq!(error["type"], "error", "{request}: {error}");
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{request}");
    }
}

#[tokio::test]
async fn valid_documents_are_executed() {
    let app = start().await;
    for (query, variables, data) in [
        (
            "query($w: [String!]!) { joined(words: $w) }",
            json!({"w": ["a", "b"]}),
            json!({"joined": "a b"}),
        ),
        (
            "query($w: [String!]!) { joined(words: $w) }",
            json!({"w": "a"}),
            json!({"joined": "a"}),
        ),
        (
            "query($n: Int) { repeated(times: $n) }",
            json!({}),
            json!({"repeated": "xxx"}),
        ),
        (
            "query($t: Tone) { sayings(tone: $t) y: sayings(tone: LOUD) }",
            json!({"t": "QUIET"}),
            json!({"sayings": "hm", "y": "HM"}),
        ),
        (
            "query($w: Word!) { word(of: {text: $w}) x: word(of: {text: \"b\"}) }",
            json!({"w": "a"}),
            json!({"word": "a", "x": "b"}),
        ),
        (
            "{ __typename __type(name: \"Tone\") { kind enumValues { name } } }",
            json!({}),
            json!({
                "__typename": "Query",
                "__type": {"kind": "ENUM", "enumValues": [{"name": "LOUD"}, {"name": "QUIET"}]}
            }),
        ),
    ] {
        let request = json!({"query": query, "variables": variables});
        let response = app.post(&request).send().await.expect("response");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body, json!({ "data": data }), "{query}");
    }
}

/// Invalid uses of meta-fields, each with the column of its error.
const INVALID_META_FIELDS: [(&str, u32); 13] = [
    ("{ __typename @nope }", 14),
    ("{ __typename @skip }", 14),
    ("{ __typename @skip(if: $u) }", 20),
    ("{ __typename @skip(if: 5) }", 24),
    ("{ __typename @skip(unless: true, if: true) }", 20),
    ("{ __typename(x: 1) }", 14),
    ("{ __typename { a } }", 14),
    ("{ nodes { __typename @nope } }", 22),
    (
        "{ nodes { ...F } } fragment F on Node { __typename @nope }",
        52,
    ),
    ("{ ... { __typename(x: 1) } }", 20),
    ("query A { value } query B { __typename @nope }", 40),
    ("query($n: Int @nope) { repeated(times: $n) }", 15),
    ("query($n: Int @skip(if: true)) { repeated(times: $n) }", 15),
];

#[tokio::test]
async fn meta_fields_are_validated() {
    let app = start().await;
    for (query, column) in INVALID_META_FIELDS {
        let name = query.contains(" A ").then_some("A");
        let request = json!({"query": query, "operationName": name});
        let response = app.post(&request).send().await.expect("response");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body.get("data"), None, "{query}: {body}");
        let error = &body["errors"][0];
        let code = &error["extensions"]["code"];
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{query}: {error}");
        assert_eq!(error["locations"][0]["column"], column, "{query}: {error}");
    }
}

#[tokio::test]
async fn directives_of_typename_are_applied() {
    let app = start().await;
    let query = "query($t: Boolean!) { \
        __typename @skip(if: $t) nodes(first: 1) { id ...F } } \
        fragment F on Node { kind: __typename @include(if: $t) }";
    for (kept, data) in [
        (true, json!({"nodes": [{"id": 0, "kind": "Node"}]})),
        (false, json!({"__typename": "Query", "nodes": [{"id": 0}]})),
    ] {
        let request = json!({"query": query, "variables": {"t": kept}});
        let response = app.post(&request).send().await.expect("response");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body, json!({ "data": data }));
    }
}

#[tokio::test]
async fn introspection_can_be_disabled() {
    let types = Types::from_sdl(&schema(Counter::default()).sdl()).expect("a schema");
    let app = App::start_with(Limits::default(), false, |transport| {
        transport.with_types(types.without_introspection())
    })
    .await;
    for query in [
        "{ __schema { types { name } } }",
        "{ value ...F } fragment F on Query { __type(name: \"Node\") { name } }",
    ] {
        let response = app.query(query).send().await.expect("response");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body.get("data"), None, "{query}: {body}");
        let error = &body["errors"][0];
        let code = &error["extensions"]["code"];
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{query}: {error}");
        let message = error["message"].as_str().expect("a message");
        assert!(
            message.starts_with("GraphQL introspection has been disabled"),
            "{message}"
        );
    }
    let response = app.query("{ __typename }").send().await.expect("response");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body, json!({"data": {"__typename": "Query"}}));
}

#[tokio::test]
async fn the_standard_introspection_query_is_accepted() {
    let app = start().await;
    let query = include_str!("../../src/document/budget/introspection.graphql");
    let response = app.query(query).send().await.expect("response");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body.get("errors"), None, "{body}");
    assert_eq!(body["data"]["__schema"]["queryType"]["name"], "Query");
}
