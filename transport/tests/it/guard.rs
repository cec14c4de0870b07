//! Host checks, origin checks and CORS, on GraphQL and other routes.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, request::Parts};
use transport::{AllowList, Guard, Limits, RequestError};

use crate::{
    app::{App, browser, send_and_read},
    client::Client,
};

const EVIL: &str = "http://evil.example";

#[tokio::test]
async fn other_hosts_are_rejected_with_421() {
    let app = App::start().await;
    let (status, _, code) =
        send_and_read(app.query("{ value }").header("host", "evil.example")).await;
    assert_eq!((status, code.as_str()), (421, "FORBIDDEN"));
    for (host, expected) in [
        ("a b", 400),
        ("a@localhost", 400),
        ("a:b:c", 400),
        ("", 421),
    ] {
        let status = send_and_read(app.query("{ value }").header("host", host))
            .await
            .0;
        assert_eq!(status, expected, "{host:?}");
    }
    let local = app.query("{ value }").header("host", "LOCALHOST:1");
    assert_eq!(local.send().await.expect("response").status(), 200);
}

#[tokio::test]
async fn other_websites_are_rejected_with_403() {
    let app = App::start().await;
    for (name, value, status) in [
        ("origin", EVIL, 403),
        ("origin", "null", 403),
        ("origin", "http://localhost:3000", 200),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
    ] {
        let response = app.query("{ value }").header(name, value).send().await;
        assert_eq!(
            response.expect("response").status(),
            status,
            "{name}: {value}"
        );
    }
    let decided = app
        .query("{ value }")
        .header("origin", "http://localhost")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(decided.send().await.expect("response").status(), 200);
    let evil = Client::open(&app, "graphql-transport-ws", &[("origin", EVIL)]).await;
    assert_eq!(evil.err(), Some(403));
    let home = [("origin", "http://localhost:3000")];
    assert!(
        Client::open(&app, "graphql-transport-ws", &home)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_allowed_website_gets_cors_headers() {
    let app = App::start().await;
    let asked =
        "Authorization,content-type, x-apollo-operation-name ,if-none-match,,a b,last-event-id";
    let ask = |origin: &str| {
        browser()
            .request(reqwest::Method::OPTIONS, app.url())
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", asked)
            .header("access-control-request-headers", "x-more")
    };
    let response = ask("http://localhost:3000").send().await.expect("response");
    assert_eq!(response.status(), 204);
    let headers = response.headers();
    assert_eq!(
        headers["access-control-allow-origin"],
        "http://localhost:3000"
    );
    assert_eq!(
        headers["access-control-allow-headers"],
        "authorization, content-type, x-apollo-operation-name, if-none-match, last-event-id, x-more"
    );
    let varies: Vec<_> = headers.get_all("vary").iter().collect();
    let asked = "access-control-request-method, access-control-request-headers";
    assert_eq!(varies, [asked, "origin", "accept"]);
    assert_eq!(send_and_read(ask(EVIL)).await.0, 403);
    let many = (0..1000).map(|n| format!("x-{n}")).collect::<Vec<_>>();
    let ask = browser()
        .request(reqwest::Method::OPTIONS, app.url())
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST");
    let bare = ask
        .try_clone()
        .expect("a copy")
        .send()
        .await
        .expect("response");
    assert!(!bare.headers().contains_key("access-control-allow-headers"));
    let many = ask.header("access-control-request-headers", many.join(","));
    let many = many.send().await.expect("response");
    let allowed = many.headers()["access-control-allow-headers"]
        .to_str()
        .expect("text");
    assert_eq!(allowed.split(',').count(), 100);
    let answer = app
        .query("{ value }")
        .header("origin", "http://localhost:3000");
    let answer = answer.send().await.expect("response");
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "http://localhost:3000"
    );
    assert_eq!(
        answer.headers()["access-control-expose-headers"],
        "ETag, Link, Retry-After"
    );
    let varies: Vec<_> = answer.headers().get_all("vary").iter().collect();
    assert_eq!(varies, ["origin", "accept"]);
    let plain = browser().request(reqwest::Method::OPTIONS, app.url());
    assert_eq!(send_and_read(plain).await.0, 405);
}

fn refuse(_: &Parts, error: &RequestError) -> Response {
    let body = format!("refused: {}", error.message);
    (error.status, body).into_response()
}

async fn other(guard: &Guard, headers: &[(&'static str, &str)], path: &str) -> StatusCode {
    use tower::ServiceExt;
    let router = Router::new()
        .route("/rest", get(|| async { "rest" }))
        .route("/pages/{name}", get(|| async { "page" }));
    let mut request = http::Request::get(path)
        .body(axum::body::Body::empty())
        .expect("request");
    for (name, value) in headers {
        let value = value.parse().expect("value");
        request.headers_mut().append(*name, value);
    }
    guard
        .protect(router, refuse)
        .oneshot(request)
        .await
        .expect("response")
        .status()
}

#[tokio::test]
async fn other_routes_have_the_same_checks() {
    let guard = Guard::default().with_pages(["/pages/{name}"]);
    let home = ("host", "localhost:8080");
    assert_eq!(other(&guard, &[home], "/rest").await, 200);
    assert_eq!(
        other(&guard, &[("host", "evil.example")], "/rest").await,
        421
    );
    assert_eq!(
        other(&guard, &[("host", "evil.example")], "/nowhere").await,
        421
    );
    assert_eq!(other(&guard, &[], "/rest").await, 400);
    assert_eq!(other(&guard, &[home, home], "/rest").await, 400);
    assert_eq!(
        other(&guard, &[home], "http://evil.example/rest").await,
        421
    );
    let anybody = Guard::new(
        AllowList::parse(["*"]).expect("entries"),
        AllowList::loopback(),
    );
    assert_eq!(
        other(&anybody, &[("host", "evil.example")], "/rest").await,
        200
    );
    assert_eq!(other(&anybody, &[], "/rest").await, 400);
    assert_eq!(other(&anybody, &[home, home], "/rest").await, 400);
    assert_eq!(other(&anybody, &[("host", "a b")], "/rest").await, 400);
    assert_eq!(other(&guard, &[home, ("origin", EVIL)], "/rest").await, 403);
    let link = [
        home,
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_eq!(other(&guard, &link, "/rest").await, 403);
    assert_eq!(other(&guard, &link, "/pages/BTC%2FUSD").await, 200);
    assert_eq!(other(&guard, &link, "/pages").await, 403);
    let foreign = [("host", "evil.example"), link[1], link[2], link[3]];
    assert_eq!(other(&guard, &foreign, "/pages/x").await, 421);
}

#[tokio::test]
async fn a_page_may_call_the_allowed_host_it_came_from() {
    let hosts = AllowList::parse(["stock.example"]).expect("entries");
    let guard = Guard::new(hosts, AllowList::loopback());
    let host = ("host", "stock.example");
    assert_eq!(
        other(
            &guard,
            &[host, ("origin", "https://stock.example")],
            "/rest"
        )
        .await,
        200
    );
    assert_eq!(
        other(
            &guard,
            &[host, ("origin", "https://stock.example.evil")],
            "/rest"
        )
        .await,
        403
    );
    let open = Guard::new(
        AllowList::parse(["*"]).expect("entries"),
        AllowList::loopback(),
    );
    let rebound = [("host", "evil.example"), ("origin", EVIL)];
    assert_eq!(other(&open, &rebound, "/rest").await, 403);
}

#[tokio::test]
async fn a_rejection_contains_the_value_and_the_setting() {
    let hosts = AllowList::loopback().with_setting("HOSTS");
    let origins = AllowList::parse(["capacitor://localhost"]).expect("entries");
    let guard = Guard::new(hosts, origins.with_setting("ORIGINS"));
    let app = App::start_with(Limits::default(), false, |transport| {
        transport.with_guard(guard)
    })
    .await;
    let long = format!("{}.example", "x".repeat(200));
    for (name, value, expected) in [
        (
            "host",
            "evil.example",
            "host \"evil.example\" not allowed; see HOSTS",
        ),
        ("host", &long, "…"),
        (
            "origin",
            "ionic://localhost",
            "origin \"ionic://localhost\" not allowed; see ORIGINS",
        ),
        ("origin", "null", "origin \"null\" not allowed; see ORIGINS"),
        (
            "sec-fetch-site",
            "cross-site",
            "cross-site request without Origin not allowed",
        ),
    ] {
        let response = app.query("{ value }").header(name, value).send().await;
        let body = response.expect("response").text().await.expect("text");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        let message = body["errors"][0]["message"].as_str().expect("a message");
        assert!(
            message.contains(expected) && message.len() < 200,
            "{message}"
        );
    }
    for (origin, is_open) in [
        ("Capacitor://localhost", true),
        ("ionic://localhost", false),
    ] {
        let headers = [("origin", origin)];
        let socket = Client::open(&app, "graphql-transport-ws", &headers).await;
        assert_eq!(socket.is_ok(), is_open, "{origin}");
        let answer = app.query("{ value }").header("origin", origin);
        let answer = answer.send().await.expect("response");
        let shared = answer.headers().get("access-control-allow-origin");
        assert_eq!(shared.is_some_and(|it| it == origin), is_open, "{origin}");
    }
}
