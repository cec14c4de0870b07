//! Tests of operations that are too large, on every transport.

use std::fmt::Write;

use serde_json::json;

use crate::{
    app::{App, send_and_read},
    client::Client,
};

/// Documents that would be expensive to validate or to execute.
fn expensive_documents() -> Vec<(&'static str, String)> {
    let mut bomb = "query { ...F0 }".to_owned();
    for level in 0..40 {
        let next = level + 1;
        write!(
            bomb,
            "fragment F{level} on Query {{ ...F{next} ...F{next} }}"
        )
        .expect("written");
    }
    bomb.push_str("fragment F40 on Query { value }");
    let mut aliases = String::from("{");
    for n in 0..10_000 {
        write!(aliases, " a{n}: value").expect("written");
    }
    aliases.push('}');
    vec![
        ("a fragment bomb", bomb),
        ("10 000 aliases", aliases),
        (
            "1 MB of fields",
            format!("{{ {} }}", "value ".repeat(170_000)),
        ),
        (
            "1 MB of nothing",
            format!("{{ value {} }}", " ".repeat(1_000_000)),
        ),
        (
            "1 MB of comment",
            format!("{{ value }} #{}", "x".repeat(1_000_000)),
        ),
        (
            "1 MB of string",
            format!("{{ echo(text: \"{}\") }}", "x".repeat(1_000_000)),
        ),
        (
            "10 000 directives",
            format!("{{ value {} }}", "@skip(if: false) ".repeat(10_000)),
        ),
        ("nested braces", "{ nodes ".repeat(100_000)),
        (
            "nested lists",
            format!("{{ echo(text: {}", "[".repeat(500_000)),
        ),
        (
            "nested lists of elements",
            "{ nodes(first: 500) { children(first: 500) { children(first: 500) { id } } } }"
                .to_owned(),
        ),
    ]
}

#[tokio::test]
async fn expensive_operations_are_rejected_on_every_transport_while_others_are_served() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    for (name, query) in expensive_documents() {
        let response = "application/graphql-response+json";
        let (status, _, code) = send_and_read(app.query(&query).header("accept", response)).await;
        assert_eq!(
            (status, code.as_str()),
            (400, "QUERY_TOO_COMPLEX"),
            "{name}"
        );
        let request = app.query(&query).header("accept", "text/event-stream");
        let text = request
            .send()
            .await
            .expect("response")
            .text()
            .await
            .expect("text");
        assert!(text.contains("QUERY_TOO_COMPLEX"), "{name}: {text}");
        client.subscribe("a", &query).await;
        let error = client.receive().await;
        assert_eq!(error["type"], "error", "{name}");
        assert_eq!(
            error["payload"][0]["extensions"]["code"], "QUERY_TOO_COMPLEX",
            "{name}"
        );
    }
    let served = app.query("{ value }").send().await.expect("response");
    assert_eq!(
        served.json::<serde_json::Value>().await.expect("JSON"),
        json!({"data": {"value": 0}})
    );
}

#[tokio::test]
async fn a_large_operation_is_rejected_before_its_method_is_checked() {
    let app = App::start().await;
    let fields = "increment ".repeat(101);
    let (_, _, code) = send_and_read(app.get(&format!("mutation {{ {fields} }}"))).await;
    assert_eq!(code, "QUERY_TOO_COMPLEX");
    let (_, _, code) =
        send_and_read(app.query(&format!("subscription {{ {} }}", "silence ".repeat(101)))).await;
    assert_eq!(code, "QUERY_TOO_COMPLEX");
}
