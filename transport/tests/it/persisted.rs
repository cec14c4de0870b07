//! Tests of automatic persisted queries, trusted documents and compressed responses.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use transport::{Documents, Limits};

use crate::{
    app::{App, browser, send_and_read},
    client::Client,
};

fn named(query: &str) -> Value {
    let mut hash = String::new();
    for byte in Sha256::digest(query) {
        write!(hash, "{byte:02x}").expect("written");
    }
    json!({"persistedQuery": {"version": 1, "sha256Hash": hash}})
}

async fn answer(request: reqwest::RequestBuilder) -> Value {
    request
        .send()
        .await
        .expect("response")
        .json()
        .await
        .expect("JSON")
}

#[tokio::test]
async fn a_query_is_found_by_its_hash_after_it_was_executed() {
    let app = App::start().await;
    let query = "{ value }";
    let extensions = named(query);
    let hashed = || {
        browser()
            .get(app.url())
            .query(&[("extensions", extensions.to_string())])
    };
    let missing = answer(hashed()).await;
    assert_eq!(missing["errors"][0]["message"], "PersistedQueryNotFound");
    assert_eq!(
        missing["errors"][0]["extensions"]["code"],
        "PERSISTED_QUERY_NOT_FOUND"
    );
    let sent = app.post(&json!({"query": query, "extensions": extensions}));
    assert_eq!(answer(sent).await, json!({"data": {"value": 0}}));
    assert_eq!(answer(hashed()).await, json!({"data": {"value": 0}}));
    let body = json!({"extensions": extensions});
    assert_eq!(answer(app.post(&body)).await, json!({"data": {"value": 0}}));
    let mut client = Client::ready(&app).await;
    client
        .send(&json!({"type": "subscribe", "id": "a", "payload": body}))
        .await;
    assert_eq!(
        client.receive().await["payload"],
        json!({"data": {"value": 0}})
    );
}

#[tokio::test]
async fn invalid_documents_are_not_persisted() {
    let app = App::start().await;
    for query in ["{ nope }", "{"] {
        let extensions = named(query);
        let sent = app.post(&json!({"query": query, "extensions": extensions}));
        answer(sent).await;
        let hashed = answer(app.post(&json!({"extensions": extensions}))).await;
        assert_eq!(
            hashed["errors"][0]["message"], "PersistedQueryNotFound",
            "{query}"
        );
    }
    let wrong = json!({"query": "{ value }", "extensions": named("{ other }")});
    assert_eq!(send_and_read(app.post(&wrong)).await.2, "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_persisted_mutation_requires_post() {
    let app = App::start().await;
    let query = "mutation { increment }";
    let extensions = named(query);
    answer(app.post(&json!({"query": query, "extensions": extensions}))).await;
    let hashed = browser()
        .get(app.url())
        .query(&[("extensions", extensions.to_string())]);
    assert_eq!(send_and_read(hashed).await.0, 405);
}

#[tokio::test]
async fn an_allow_list_rejects_other_documents() {
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("Value.graphql"), "{ value }\n").expect("written");
    let documents = Documents::trusted(folder.path()).expect("read");
    let app = App::start_with(Limits::default(), false, |transport| {
        transport.with_documents(documents)
    })
    .await;
    let value = json!({"data": {"value": 0}});
    assert_eq!(answer(app.query("{ value }")).await, value);
    assert_eq!(
        answer(app.post(&json!({"documentId": "Value"}))).await,
        value
    );
    let (status, _, code) = send_and_read(app.query("{ other: value }")).await;
    assert_eq!((status, code.as_str()), (403, "FORBIDDEN"));
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "{ other: value }").await;
    let error = client.receive().await;
    assert_eq!(error["payload"][0]["extensions"]["code"], "FORBIDDEN");
}

#[tokio::test]
async fn a_large_response_is_compressed_if_the_client_accepts_it() {
    let app = App::start().await;
    let long = format!("{{ echo(text: \"{}\") }}", "x".repeat(5_000));
    let ask = |query: &str| app.query(query).header("accept-encoding", "gzip");
    let response = browser()
        .execute(ask(&long).build().expect("a request"))
        .await;
    let text = response.expect("response").text().await.expect("text");
    assert_eq!(text.len(), r#"{"data":{"echo":""}}"#.len() + 5_000);
    // The usual client decompresses transparently; this one does not.
    let raw = reqwest::Client::builder()
        .no_gzip()
        .no_proxy()
        .build()
        .expect("a client");
    for (query, compressed) in [(long.as_str(), true), ("{ value }", false)] {
        let request = ask(query).build().expect("a request");
        let response = raw.execute(request).await.expect("response");
        assert_eq!(
            response.headers().contains_key("content-encoding"),
            compressed
        );
    }
    let stream = format!("subscription {{ flood(bytes: {}) }}", 5_000);
    let request = ask(&stream).header("accept", "text/event-stream");
    let request = request.build().expect("a request");
    let response = raw.execute(request).await.expect("response");
    assert!(!response.headers().contains_key("content-encoding"));
}
