//! Subscriptions over Server-Sent Events.

use std::time::Duration;

use futures_util::StreamExt;
use transport::Limits;

use crate::app::{App, send_and_read};

fn streamed(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    request.header("accept", "text/event-stream")
}

async fn text(request: reqwest::RequestBuilder) -> String {
    let response = request.send().await.expect("response");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.text().await.expect("text")
}

#[tokio::test]
async fn events_are_followed_by_complete() {
    let app = App::start().await;
    let query = "subscription { count(to: 2) }";
    let expected = concat!(
        ":\n\n",
        "event: next\ndata: {\"data\":{\"count\":1}}\n\n",
        "event: next\ndata: {\"data\":{\"count\":2}}\n\n",
        "event: complete\ndata:\n\n",
    );
    assert_eq!(text(streamed(app.query(query))).await, expected);
    assert_eq!(text(streamed(app.get(query))).await, expected);
    app.log.wait_for("sse departed").await;
    assert_eq!(
        app.log.lines()[..6],
        [
            "subscription ok",
            "sse arrived",
            "sse delivered, missed 0",
            "sse delivered, missed 0",
            "sse closed: Complete",
            "sse departed",
        ]
    );
}

#[tokio::test]
async fn a_rejected_operation_is_one_event_and_complete() {
    let app = App::start().await;
    for query in ["{", "subscription { nope }"] {
        let text = text(streamed(app.query(query))).await;
        assert!(
            text.starts_with("event: next\ndata: {\"errors\":["),
            "{text}"
        );
        assert!(text.ends_with("\n\nevent: complete\ndata:\n\n"), "{text}");
    }
    let both = app
        .query("subscription { nope }")
        .header("accept", "application/json, text/event-stream");
    assert!(text(both).await.ends_with("event: complete\ndata:\n\n"));
}

#[tokio::test]
async fn a_query_is_streamed_only_if_no_other_format_is_accepted() {
    let app = App::start().await;
    let expected = "event: next\ndata: {\"data\":{\"value\":0}}\n\nevent: complete\ndata:\n\n";
    assert_eq!(text(streamed(app.query("{ value }"))).await, expected);
    let both = app
        .query("{ value }")
        .header("accept", "text/event-stream, application/json;q=0.1");
    let response = both.send().await.expect("response");
    assert_eq!(
        response.text().await.expect("text"),
        r#"{"data":{"value":0}}"#
    );
    assert_eq!(
        send_and_read(streamed(app.get("mutation { increment }")))
            .await
            .0,
        405
    );
}

#[tokio::test]
async fn a_stream_without_events_contains_comments() {
    let app = App::limited(Limits {
        heartbeat_interval: Duration::from_millis(10),
        ..Limits::default()
    })
    .await;
    let request = streamed(app.query("subscription { silence }"));
    let mut chunks = request.send().await.expect("response").bytes_stream();
    let mut text = Vec::new();
    while text.len() < 12 {
        text.extend(chunks.next().await.expect("more").expect("chunk"));
    }
    assert!(
        String::from_utf8(text)
            .expect("text")
            .starts_with(":\n\n:\n\n:\n\n")
    );
    drop(chunks);
    app.log.wait_for("sse closed: Disconnected").await;
    app.log.wait_for("sse departed").await;
}

#[tokio::test]
async fn a_slow_client_gets_an_error_without_complete() {
    let app = App::start().await;
    let body = serde_json::json!({
        "query": "subscription Overload { silence }",
        "operationName": "Overload",
    });
    let text = text(streamed(app.post(&body))).await;
    assert!(text.contains("\"UNAVAILABLE\""), "{text}");
    assert!(!text.contains("complete"), "{text}");
    app.log.wait_for("sse delivered, missed 2").await;
    app.log.wait_for("sse closed: Overloaded").await;
}

#[tokio::test]
async fn a_client_whose_event_source_was_replaced_gets_an_error_without_complete() {
    let app = App::start().await;
    let body = serde_json::json!({
        "query": "subscription Replaced { silence }",
        "operationName": "Replaced",
    });
    let text = text(streamed(app.post(&body))).await;
    assert!(
        text.contains("\"UNAVAILABLE\"") && text.contains("was replaced"),
        "{text}"
    );
    assert!(!text.contains("complete"), "{text}");
    app.log.wait_for("sse closed: Replaced").await;
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event() {
    let app = App::start().await;
    let query = "subscription Resumable { count(to: 3) } query Value { value }";
    let event = |n: u64| format!("event: next\nid: {n}\ndata: {{\"data\":{n}}}\n\n");
    let complete = "event: complete\ndata:\n\n";
    let body = serde_json::json!({"query": query, "operationName": "Resumable"});
    let post = || streamed(app.post(&body));
    let get = || streamed(app.get(query)).query(&[("operationName", "Resumable")]);
    let requests: [&dyn Fn() -> reqwest::RequestBuilder; 2] = [&post, &get];
    for request in requests {
        for (header, first) in [(None, 1), (Some(""), 1), (Some("0"), 1), (Some("2"), 3)] {
            let request = header
                .into_iter()
                .fold(request(), |request, id| request.header("last-event-id", id));
            let events: String = (first..=3).map(event).collect();
            assert_eq!(text(request).await, format!(":\n\n{events}{complete}"));
        }
        for ids in [&["x"][..], &["1", "2"]] {
            let request = ids.iter().fold(request(), |request, id| {
                request.header("last-event-id", *id)
            });
            let text = text(request).await;
            assert!(text.starts_with("event: next\ndata: {\"errors\""), "{text}");
            assert!(text.ends_with(complete), "{text}");
        }
    }
    let body = serde_json::json!({"query": query, "operationName": "Value"});
    let answer = app.post(&body).header("last-event-id", "x");
    let answer = answer.send().await.expect("a response");
    let answer = answer.text().await.expect("text");
    assert_eq!(answer, r#"{"data":{"value":0}}"#);
}

#[tokio::test]
async fn a_shutdown_ends_streams_without_complete() {
    let app = App::start().await;
    let request = streamed(app.query("subscription { silence }"));
    let response = request.send().await.expect("response");
    app.drain.cancel();
    assert_eq!(response.text().await.expect("text"), ":\n\n");
    app.log.wait_for("sse closed: GoingAway").await;
    let late = streamed(app.query("subscription { silence }"));
    assert_eq!(send_and_read(late).await.0, 503);
    let query = app.query("{ value }").send().await.expect("response");
    assert_eq!(query.status(), 200, "everything else is still served");
}

#[tokio::test]
async fn streams_are_limited_by_address() {
    let app = App::limited(Limits {
        connections_per_address: 1,
        ..Limits::default()
    })
    .await;
    let one = streamed(app.query("subscription { silence }"));
    let one = one.send().await.expect("response");
    let two = streamed(app.query("subscription { silence }"));
    let (status, _, code) = send_and_read(two).await;
    assert_eq!((status, code.as_str()), (429, "RATE_LIMITED"));
    drop(one);
    app.log.wait_for("sse departed").await;
    let three = streamed(app.query("subscription { count(to: 1) }"));
    assert!(text(three).await.contains("complete"));
}
