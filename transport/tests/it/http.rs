//! GraphQL over HTTP: response formats, errors and the order of checks.

use std::{sync::atomic::Ordering, time::Duration};

use axum::response::IntoResponse;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use transport::Limits;

use crate::app::{App, browser, send_and_read};

const RESPONSE: &str = "application/graphql-response+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

#[tokio::test]
async fn queries_are_accepted_by_post_and_get() {
    let app = App::start().await;
    for request in [app.query("{ value }"), app.get("{ value }")] {
        let response = request.send().await.expect("response");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], JSON);
        assert_eq!(
            response.text().await.expect("text"),
            r#"{"data":{"value":0}}"#
        );
    }
}

#[tokio::test]
async fn get_accepts_an_operation_name_and_variables() {
    let app = App::start().await;
    let query = "query A { value } query B($t: String!) { echo(text: $t) }";
    let request = app
        .get(query)
        .query(&[("operationName", "B"), ("variables", r#"{"t":"x"}"#)]);
    let body: Value = request
        .send()
        .await
        .expect("response")
        .json()
        .await
        .expect("JSON");
    assert_eq!(body, json!({"data": {"echo": "x"}}));
    let unnamed = app
        .get(query)
        .header("accept", "application/graphql-response+json");
    let code = "GRAPHQL_VALIDATION_FAILED".to_owned();
    assert_eq!(
        send_and_read(unnamed).await,
        (400, RESPONSE.to_owned(), code)
    );
}

#[tokio::test]
async fn a_mutation_by_get_is_rejected_without_being_executed() {
    let app = App::start().await;
    let response = app
        .get("mutation { increment }")
        .send()
        .await
        .expect("response");
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(app.counter.0.load(Ordering::SeqCst), 0);
    app.query("mutation { increment }")
        .send()
        .await
        .expect("response");
    assert_eq!(app.counter.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn request_errors_are_400_only_for_graphql_response_json() {
    let app = App::start().await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("fragment F on Query { value }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        for (accept, status, media) in [
            ("application/graphql-response+json", 400, RESPONSE),
            ("application/json", 200, JSON),
        ] {
            let request = app.query(query).header("accept", accept);
            assert_eq!(
                send_and_read(request).await,
                (status, media.to_owned(), code.to_owned()),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn field_errors_come_with_data() {
    let app = App::start().await;
    let request = app
        .query("{ value fails }")
        .header("accept", "application/graphql-response+json");
    let response = request.send().await.expect("response");
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["data"], json!({"value": 0, "fails": null}));
    assert_eq!(body["errors"][0]["path"], json!(["fails"]));
    app.log.wait_for("query error").await;
}

#[tokio::test]
async fn every_rejection_has_a_graphql_error_body() {
    let app = App::limited(Limits {
        body_bytes: 1000,
        ..Limits::default()
    })
    .await;
    let client = browser();
    let post = |body: &str| {
        client
            .post(app.url())
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let cases = [
        (client.put(app.url()), 405),
        (client.post(app.url()).body("{}"), 415),
        (post("{}").header("content-type", "text/plain"), 415),
        (
            client
                .post(app.url())
                .header("content-type", "application/json; charset=latin-1")
                .body("{}"),
            415,
        ),
        (post("{}").header("content-encoding", "gzip"), 415),
        (post(&" ".repeat(1001)), 413),
        (post("{}").header("accept", "image/png"), 406),
        (post(""), 400),
        (post("{"), 400),
        (post("[]"), 400),
        (post(r#"[{"query":"{value}"}]"#), 400),
        (post("{}"), 400),
        (post(r#"{"query":1}"#), 400),
        (post(r#"{"query":"{value}","variables":[]}"#), 400),
        (client.get(app.url()), 400),
        (app.get("{value}").query(&[("variables", "[]")]), 400),
        (app.get("{value}").query(&[("query", "{value}")]), 400),
        (app.query("subscription { silence }"), 406),
    ];
    for (request, status) in cases {
        let text = format!("{request:?}");
        let (found, media, code) = send_and_read(request).await;
        assert_eq!((found, code.as_str()), (status, "BAD_USER_INPUT"), "{text}");
        assert!([RESPONSE, JSON].contains(&media.as_str()), "{text}");
    }
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_receives_the_error() {
    let app = App::start().await;
    let body = vec![b' '; 6 << 20];
    let request = browser()
        .post(app.url())
        .header("content-type", "application/json")
        .body(body);
    assert_eq!(send_and_read(request).await.0, 413);
}

#[tokio::test]
async fn checks_run_in_a_fixed_order() {
    let app = App::start().await;
    let client = browser();
    // Each request also fails the checks of the requests after it.
    let worst = client
        .put(app.url())
        .header("host", "evil.example")
        .bearer_auth("bad");
    assert_eq!(send_and_read(worst).await.0, 421);
    let evil = |request: reqwest::RequestBuilder| request.header("origin", "http://evil.example");
    assert_eq!(
        send_and_read(evil(client.put(app.url()).bearer_auth("bad")))
            .await
            .0,
        405
    );
    let request = evil(client.post(app.url()).bearer_auth("bad").body("x"));
    assert_eq!(send_and_read(request).await.0, 403);
    let request = client.post(app.url()).bearer_auth("bad").body("x");
    assert_eq!(send_and_read(request).await.0, 401);
    let long = vec![b' '; (1 << 20) + 1];
    let plain = client
        .post(app.url())
        .header("accept", "image/png")
        .body(long.clone());
    assert_eq!(send_and_read(plain).await.0, 415);
    let long = client
        .post(app.url())
        .header("content-type", "application/json")
        .header("accept", "image/png")
        .body(long);
    assert_eq!(send_and_read(long).await.0, 413);
    let request = app.query("{").header("accept", "image/png");
    assert_eq!(
        send_and_read(request).await,
        (406, RESPONSE.to_owned(), "BAD_USER_INPUT".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let app = App::limited(Limits {
        body_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let request = browser()
        .post(app.url())
        .header("content-type", "application/json")
        .body(reqwest::Body::wrap_stream(stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >()));
    assert_eq!(
        send_and_read(request).await,
        (408, JSON.to_owned(), "TIMEOUT".to_owned())
    );
}

#[tokio::test]
async fn a_large_body_is_rejected_before_all_of_it_arrives() {
    let app = App::limited(Limits {
        body_timeout: Duration::from_hours(1),
        ..Limits::default()
    })
    .await;
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let beyond = vec![b' '; Limits::default().body_bytes + 1];
    for (length, sent) in [
        ("content-length: 9999999999", Vec::new()),
        (
            "transfer-encoding: chunked",
            [format!("{:x}\r\n", beyond.len()).into_bytes(), beyond].concat(),
        ),
    ] {
        let mut peer = TcpStream::connect(app.address).await.expect("connected");
        let head = format!("{head}{length}\r\n\r\n");
        peer.write_all(head.as_bytes()).await.expect("sent");
        peer.write_all(&sent).await.expect("sent");
        let mut status = [0; 13];
        let answer = timeout(Duration::from_mins(1), peer.read_exact(&mut status));
        answer.await.expect("in time").expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 413 ", "{length}");
    }
}

#[tokio::test]
async fn tokens_are_checked() {
    let app = App::start().await;
    let response = app
        .query("{ value }")
        .bearer_auth("bad")
        .send()
        .await
        .expect("response");
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    let body = json!({"query": "query WhoAmI { value }", "operationName": "WhoAmI"});
    for (request, known) in [
        (app.post(&body), false),
        (app.post(&body).bearer_auth("good"), true),
    ] {
        let answer: Value = request
            .send()
            .await
            .expect("response")
            .json()
            .await
            .expect("JSON");
        assert_eq!(answer["data"]["known"], known);
    }
}

#[tokio::test]
async fn an_operation_times_out() {
    let app = App::limited(Limits {
        execution_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let response = send_and_read(app.query("{ sleeps(millis: 60000) }")).await;
    assert_eq!(response, (504, JSON.to_owned(), "TIMEOUT".to_owned()));
    app.log.wait_for("query refused").await;
}

#[tokio::test]
async fn a_panic_fails_only_its_operation() {
    let app = App::start().await;
    let response = send_and_read(app.query("{ panics(calmly: false) }")).await;
    assert_eq!(response, (500, JSON.to_owned(), "INTERNAL".to_owned()));
    let response = app.query("{ value }").send().await.expect("response");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_browser_without_a_query_gets_the_html_page() {
    let app = App::start_with(Limits::default(), true, |transport| {
        transport.with_page(|_| axum::response::Html("<p>page</p>").into_response())
    })
    .await;

    let browse = || {
        browser()
            .get(app.url())
            .header("accept", "text/html,*/*;q=0.8")
    };
    let page = browse().send().await.expect("response");
    assert_eq!(page.text().await.expect("text"), "<p>page</p>");
    let linked = browse()
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    assert_eq!(linked.send().await.expect("response").status(), 200);
    let framed = browse()
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "iframe");
    assert_eq!(send_and_read(framed).await.0, 403);
    assert_eq!(
        send_and_read(browse().query(&[("query", "{ value }")]))
            .await
            .0,
        401
    );
    assert_eq!(send_and_read(browser().get(app.url())).await.0, 401);
}

#[tokio::test]
async fn a_rate_limited_client_gets_retry_after() {
    let app = App::start().await;
    app.admits.store(1, Ordering::SeqCst);
    assert_eq!(
        app.query("{ value }")
            .send()
            .await
            .expect("response")
            .status(),
        200
    );
    let response = app.query("{ value }").send().await.expect("response");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    let body: Value = response.json().await.expect("JSON");
    let expected = json!({"code": "RATE_LIMITED", "retryAfter": 7});
    assert_eq!(body["errors"][0]["extensions"], expected);
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_rejected() {
    let app = App::start().await;
    for body in [
        &b"{\"query\":\"{ value }\xff\"}"[..],
        b"{\"query\":\"{ value }\",\"x\":\"\xe4\"}",
        b"\xfe\xff{\"query\":\"{ value }\"}",
        "\u{e4}".as_bytes(),
    ] {
        let request = browser()
            .post(app.url())
            .header("content-type", "application/json")
            .body(body.to_vec());
        let response = request.send().await.expect("response");
        assert_eq!(response.status(), 400);
        let body: Value = response.json().await.expect("JSON");
        let error = &body["errors"][0];
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{body}");
        let message = error["message"].as_str().expect("a message");
        let is_text = message == "the request must be a JSON object";
        assert!(is_text || message.contains("is not UTF-8: byte "), "{body}");
    }
}
