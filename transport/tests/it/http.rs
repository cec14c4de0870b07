//! GraphQL over HTTP: forms of answers, faults and their order.

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

use crate::app::{App, browser, told};

const RESPONSE: &str = "application/graphql-response+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

#[tokio::test]
async fn a_query_is_answered_by_post_and_by_get() {
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
async fn a_get_names_its_operation_and_carries_variables() {
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
    assert_eq!(told(unnamed).await, (400, RESPONSE.to_owned(), code));
}

#[tokio::test]
async fn a_mutation_by_get_is_refused_and_does_nothing() {
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
async fn refusals_are_400_only_where_the_media_type_says_so() {
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
                told(request).await,
                (status, media.to_owned(), code.to_owned()),
                "{query}"
            );
        }
    }
}

#[tokio::test]
async fn errors_of_fields_come_with_data() {
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
async fn faults_of_a_request_are_told_as_graphql_errors() {
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
        let (told_status, media, code) = told(request).await;
        assert_eq!(
            (told_status, code.as_str()),
            (status, "BAD_USER_INPUT"),
            "{text}"
        );
        assert!([RESPONSE, JSON].contains(&media.as_str()), "{text}");
    }
}

#[tokio::test]
async fn a_fault_is_told_even_to_a_client_that_sends_far_too_much() {
    let app = App::start().await;
    let body = vec![b' '; 6 << 20];
    let request = browser()
        .post(app.url())
        .header("content-type", "application/json")
        .body(body);
    assert_eq!(told(request).await.0, 413);
}

#[tokio::test]
async fn faults_are_judged_in_one_order() {
    let app = App::start().await;
    let client = browser();
    // Each request has every error of the ones after it, too.
    let worst = client
        .put(app.url())
        .header("host", "evil.example")
        .bearer_auth("bad");
    assert_eq!(told(worst).await.0, 421);
    let evil = |request: reqwest::RequestBuilder| request.header("origin", "http://evil.example");
    assert_eq!(
        told(evil(client.put(app.url()).bearer_auth("bad"))).await.0,
        405
    );
    let request = evil(client.post(app.url()).bearer_auth("bad").body("x"));
    assert_eq!(told(request).await.0, 403);
    let request = client.post(app.url()).bearer_auth("bad").body("x");
    assert_eq!(told(request).await.0, 401);
    let long = vec![b' '; (1 << 20) + 1];
    let plain = client
        .post(app.url())
        .header("accept", "image/png")
        .body(long.clone());
    assert_eq!(told(plain).await.0, 415);
    let long = client
        .post(app.url())
        .header("content-type", "application/json")
        .header("accept", "image/png")
        .body(long);
    assert_eq!(told(long).await.0, 413);
    let request = app.query("{").header("accept", "image/png");
    assert_eq!(
        told(request).await,
        (406, RESPONSE.to_owned(), "BAD_USER_INPUT".to_owned())
    );
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
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
        told(request).await,
        (408, JSON.to_owned(), "TIMEOUT".to_owned())
    );
}

#[tokio::test]
async fn too_large_a_body_is_refused_though_the_rest_of_it_never_comes() {
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
        let mut said = [0; 13];
        let answer = timeout(Duration::from_mins(1), peer.read_exact(&mut said));
        answer.await.expect("in time").expect("an answer");
        assert_eq!(&said, b"HTTP/1.1 413 ", "{length}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_a_good_one_is_known() {
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
async fn an_operation_is_given_up_at_its_deadline() {
    let app = App::limited(Limits {
        execution_timeout: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    let told = told(app.query("{ sleeps(millis: 60000) }")).await;
    assert_eq!(told, (504, JSON.to_owned(), "TIMEOUT".to_owned()));
    app.log.wait_for("query refused").await;
}

#[tokio::test]
async fn a_panic_costs_its_operation_only() {
    let app = App::start().await;
    let told = told(app.query("{ panics(calmly: false) }")).await;
    assert_eq!(told, (500, JSON.to_owned(), "INTERNAL".to_owned()));
    let response = app.query("{ value }").send().await.expect("response");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_browser_without_a_query_gets_the_page() {
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
    assert_eq!(told(framed).await.0, 403);
    assert_eq!(told(browse().query(&[("query", "{ value }")])).await.0, 401);
    assert_eq!(told(browser().get(app.url())).await.0, 401);
}

#[tokio::test]
async fn an_address_that_asks_too_much_is_told_when_to_come_back() {
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
async fn a_body_that_is_not_utf8_is_refused_and_named() {
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
