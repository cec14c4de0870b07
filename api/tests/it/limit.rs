//! Each `LIMIT_*` setting has its effect.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use crate::{
    answer::Answer,
    client::Client,
    observe::scraped,
    process::until,
    product::{Home, Product},
};

/// Values so small that each limit can be exceeded alone.
const SMALL: [(&str, &str); 12] = [
    ("LIMIT_BODY", "3KiB"),
    ("LIMIT_DOCUMENT", "2KiB"),
    ("LIMIT_TOKENS", "100"),
    ("LIMIT_DEPTH", "4"),
    ("LIMIT_ALIASES", "2"),
    ("LIMIT_DIRECTIVES", "1"),
    ("LIMIT_ROOT_FIELDS", "3"),
    ("LIMIT_FIELDS", "8"),
    ("LIMIT_COST", "200"),
    ("LIMIT_PERSISTED", "0"),
    ("LIMIT_MESSAGE", "1KiB"),
    ("LIMIT_OPERATIONS", "1"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_follows_its_setting() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home.start(&SMALL).await;
    let large = |filling: usize| format!("{{ __typename }} #{}", "x".repeat(filling));
    for (query, expected) in [
        (large(2048), "2048 bytes"),
        (format!("{{ {} }}", "__typename ".repeat(100)), "100 tokens"),
        (
            "{ stocks { edges { node { latestPrice { price } } } } }".to_owned(),
            "4 nested fields",
        ),
        (
            "{ a: __typename b: __typename c: __typename }".to_owned(),
            "2 aliases",
        ),
        (
            "{ __typename @include(if: true) @skip(if: false) }".to_owned(),
            "1 directives",
        ),
        (
            format!("{{ {} }}", "alertRules { id } ".repeat(4)),
            "3 root fields",
        ),
        (
            "{ stocks(first: 1) { nodes { id id id id id id id } } }".to_owned(),
            "8 fields",
        ),
        (
            "{ stocks(first: 300) { nodes { id } } }".to_owned(),
            "200 response fields",
        ),
    ] {
        let answer = product.graphql(&query, json!({})).await;
        assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "{query}");
        let message = answer.error()["message"].as_str().expect("text").to_owned();
        assert!(
            message.contains(expected),
            "{expected} is not in: {message}"
        );
    }
    assert_eq!(product.graphql(&large(3072), json!({})).await.status, 413);
    let hash = json!({"persistedQuery": {"version": 1, "sha256Hash": "0".repeat(64)}});
    let named = product
        .request(Method::POST, "/graphql")
        .json(&json!({"extensions": hash}));
    assert_eq!(
        Answer::to(named).await.code(),
        "PERSISTED_QUERY_NOT_SUPPORTED"
    );

    let mut socket = Client::graphql(&product, json!({})).await;
    let follow = "subscription { alerts { id } }";
    socket.subscribe("a", follow, json!({})).await;
    socket.subscribe("b", follow, json!({})).await;
    assert_eq!(
        socket.refused("b").await["extensions"]["code"],
        "RATE_LIMITED"
    );
    socket
        .send(&json!({"type": "ping", "payload": {"x": "x".repeat(1024)}}))
        .await;
    assert_eq!(socket.closed().await, 1009);
}

async fn message(product: &Product, query: &str) -> String {
    let error = product.graphql(query, json!({})).await.error();
    error["message"].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_introspection_nothing_reveals_the_schema() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home.start(&[]).await;
    assert!(
        message(&product, "{ stockz { id } }")
            .await
            .contains("stocks")
    );
    drop(product);
    let product = home.start(&[("SUGGESTIONS", "false")]).await;
    assert!(
        !message(&product, "{ stockz { id } }")
            .await
            .contains("stocks")
    );
    product.ask("{ __schema { queryType { name } } }").await;
    drop(product);
    let product = home.start(&[("INTROSPECTION", "false")]).await;
    assert!(
        !message(&product, "{ stockz { id } }")
            .await
            .contains("stocks")
    );
    assert_eq!(
        message(&product, "{ __schema { queryType { name } } }").await,
        "GraphQL introspection has been disabled, but the requested query contained the field \"__schema\"."
    );
    product.ask("{ __typename }").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_trusted_documents_only_they_are_served() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let folder = home.folder.path().join("documents");
    fs::create_dir(&folder).expect("executed");
    fs::write(
        folder.join("symbols.graphql"),
        "{ stocks { nodes { symbol } } }\n",
    )
    .expect("written");
    let variables = [("TRUSTED_DOCUMENTS", "documents")];
    let product = home.start(&variables).await;
    let known = product.ask("{ stocks { nodes { symbol } } }").await;
    let named = product
        .request(Method::POST, "/graphql")
        .json(&json!({"documentId": "symbols"}));
    assert_eq!(Answer::to(named).await.data(), known);
    let other = product
        .graphql("{ stocks { nodes { id } } }", json!({}))
        .await;
    assert_eq!((other.status, &*other.code()), (403, "FORBIDDEN"));
    let mut socket = Client::graphql(&product, json!({})).await;
    socket
        .subscribe("a", "subscription { alerts { id } }", Value::Null)
        .await;
    assert_eq!(socket.refused("a").await["extensions"]["code"], "FORBIDDEN");
    drop(product);

    // An unreadable file fails the start.
    fs::write(folder.join("broken.json"), "[]").expect("written");
    let mut refused = home.api(&variables);
    assert_eq!(refused.ended().await, Some(2), "{}", refused.last_words());
    let lines = refused.err();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("TRUSTED_DOCUMENTS") && lines[0].contains("broken.json"),
        "{lines:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_plain_websocket_distinguishes_a_large_message_from_a_disconnect() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home.start(&[("LIMIT_MESSAGE", "1KiB")]).await;
    let mut client = Client::plain(&product).await;
    client.send_text("x".repeat(1024)).await;
    client.send_text("x".repeat(200_000)).await;
    assert_eq!(client.closed().await, 1009);
    drop(Client::plain(&product).await);
    for reason in ["protocol", "left"] {
        let counted = format!(
            "stock_tracker_subscribers_closed_total{{protocol=\"ws\",reason=\"{reason}\"}} 1\n"
        );
        let counts = async || {
            scraped(product.metrics)
                .await
                .contains(&counted)
                .then_some(())
        };
        until(reason, || product.last_words(), counts).await;
    }
}
