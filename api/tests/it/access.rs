//! Authentication, host names and origins, on every transport.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    archive::on_archives,
    client::Client,
    databases::on_both,
    product::{ADMIN, Product},
    rest::{PATHS, problem},
};

const READER: &str = "reader-of-the-tests-0123456789";
/// Paths that never require a token.
const OPEN: [&str; 3] = ["/api/v1/health", "/livez", "/readyz"];

on_both! {
    async fn with_a_read_token_every_read_requires_a_token(home) {
        let variables = [("READ_TOKEN", READER), ("ADMIN_TOKEN", ADMIN), ("REPLAY_SPEED", "20")];
        let product = home.start(&variables).await;
        for path in PATHS {
            for (token, status) in [(None, 401), (Some("wrong"), 401), (Some(READER), 200), (Some(ADMIN), 200)] {
                let status = if OPEN.contains(&path) { 200 } else { status };
                let answer = Answer::to(with(product.request(Method::GET, path), token)).await;
                assert_eq!(answer.status, status, "{path} with {token:?}");
                if status == 401 {
                    problem(&answer, 401);
                    assert_eq!(answer.header("www-authenticate"), "Bearer");
                }
            }
            if !OPEN.contains(&path) {
                // The token is checked before the media type.
                let request = product.request(Method::GET, path).header("accept", "text/html");
                assert_eq!(Answer::to(request).await.status, 401, "{path}");
            }
        }
        for path in OPEN {
            assert_eq!(product.get(path).await.status, 200, "{path}");
        }
        // Pages contain no data. Their scripts send the token to the API.
        for path in ["/", "/stocks/AAPL", "/graphiql"] {
            for token in [None, Some("wrong")] {
                let answer = Answer::to(with(product.request(Method::GET, path), token)).await;
                assert_eq!(answer.status, 200, "{path} with {token:?}");
            }
        }
        assert_eq!(schema_with(&product, None).await, 401, "the schema included");
        assert_eq!(schema_with(&product, Some("wrong")).await, 401);
        assert_eq!(schema_with(&product, Some(READER)).await, 200);
        assert_eq!(schema_with(&product, Some(ADMIN)).await, 200);
        sockets_require_a_token_too(&product).await;

        // The read token does not allow mutations.
        let change = product.post(r#"mutation { untrackStock(input: {symbol: "IBM"}) { stock { id } } }"#, &json!({}));
        let refused = Answer::to(change.bearer_auth(READER)).await;
        assert_eq!((refused.status, &*refused.code()), (200, "UNAUTHENTICATED"));
    }
}

fn with(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        None => request,
        Some(token) => request.bearer_auth(token),
    }
}

/// The status of an introspection query, which is the same for POST and GET.
async fn schema_with(product: &Product, token: Option<&str>) -> u16 {
    let query = "{ __schema { queryType { name } } }";
    let posted = Answer::to(with(product.post(query, &json!({})), token)).await;
    let get = product
        .request(Method::GET, "/graphql")
        .query(&[("query", query)]);
    let got = Answer::to(with(get, token)).await;
    assert_eq!((posted.status, &posted.text), (got.status, &got.text));
    if posted.status == 401 {
        assert_eq!(posted.code(), "UNAUTHENTICATED");
    }
    posted.status
}

async fn sockets_require_a_token_too(product: &Product) {
    let plain = |header: Option<(&'static str, String)>| async move {
        let headers: Vec<_> = header
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let opened = Client::open(product, "/ws", &headers).await;
        opened.map(|client| client.protocol)
    };
    assert_eq!(plain(None).await, Err(401));
    let bearer = |token| Some(("authorization", format!("Bearer {token}")));
    assert_eq!(plain(bearer("wrong")).await, Err(401));
    assert_eq!(plain(bearer(READER)).await, Ok(None));
    let offer = format!("bearer.{READER}");
    let offered = Some(("sec-websocket-protocol", offer.clone()));
    assert_eq!(plain(offered).await, Ok(Some(offer.clone())));

    // A wrong token in `connection_init` is rejected whatever the headers were.
    let header = format!("Bearer {READER}");
    let header = ("authorization", &*header);
    for (headers, payload, welcome) in [
        (vec![], json!({}), false),
        (vec![], json!({"authorization": "Bearer wrong"}), false),
        (
            vec![],
            json!({"authorization": format!("Bearer {READER}")}),
            true,
        ),
        (vec![header], json!({}), true),
        (
            vec![header],
            json!({"authorization": "Bearer wrong"}),
            false,
        ),
    ] {
        let mut client = Client::modern(product, &headers).await.expect("accepted");
        client.init(payload.clone()).await;
        if welcome {
            assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
        } else {
            assert_eq!(client.closed().await, 4403, "{payload}");
        }
    }
    let protocols = format!("graphql-transport-ws, {offer}");
    let headers = [("sec-websocket-protocol", &*protocols)];
    let client = Client::open(product, "/graphql", &headers).await;
    let mut client = client.expect("accepted");
    assert_eq!(client.protocol.as_deref(), Some("graphql-transport-ws"));
    client.init(Value::Null).await;
    assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
}

/// Every route of the API listener, with its status for an allowed client.
const ROUTES: [(&str, u16); 18] = [
    ("/api/v1/stocks", 200),
    ("/api/v1/stocks/AAPL", 200),
    ("/api/v1/stocks/AAPL/history", 200),
    ("/api/v1/stocks/AAPL/alerts", 200),
    ("/api/v1/alerts", 200),
    ("/api/v1/health", 200),
    ("/api/v1/openapi.json", 200),
    ("/graphql?query={__typename}", 200),
    ("/graphql/ws", 426),
    ("/ws", 400),
    ("/livez", 200),
    ("/readyz", 200),
    ("/", 200),
    ("/stocks/AAPL", 200),
    ("/assets/nope.js", 404),
    ("/graphiql", 200),
    ("/playground", 308),
    ("/nope", 404),
];

on_archives! {
    async fn a_wrong_token_is_rejected_even_where_none_is_required(archive) {
        for path in PATHS.into_iter().filter(|path| !OPEN.contains(path)) {
            for wrong in ["Bearer wrong", "Bearer", "Basic YTpi", ""] {
                let request = archive.request(Method::GET, path).header("authorization", wrong);
                problem(&Answer::to(request).await, 401);
            }
        }
        // Also in addition to a valid one.
        for path in ["/graphql?query={__typename}", "/api/v1/stocks"] {
            let request = archive.request(Method::GET, path);
            let request = request.bearer_auth(ADMIN).header("authorization", "Bearer wrong");
            assert_eq!(Answer::to(request).await.status, 401, "{path}");
        }
        assert_eq!(schema_with(archive, Some("wrong")).await, 401);
        assert_eq!(Client::open(archive, "/ws", &[("authorization", "Bearer wrong")]).await.err(), Some(401));
        let mut client = Client::modern(archive, &[]).await.expect("accepted");
        client.init(json!({"authorization": "Bearer wrong"})).await;
        assert_eq!(client.closed().await, 4403);
    }

    async fn a_foreign_host_name_is_misdirected_on_every_route(archive) {
        for (path, status) in ROUTES {
            for (host, expected) in [("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost:1", status), ("[::1]", status)] {
                let request = archive.request(Method::GET, path).header("host", host);
                assert_eq!(Answer::to(request).await.status, expected, "{path} as {host}");
            }
        }
    }

    async fn a_foreign_origin_is_forbidden_on_every_route(archive) {
        for (path, status) in ROUTES {
            for (name, value, expected) in [
                ("origin", "https://evil.example", 403),
                ("origin", "null", 403),
                ("origin", "http://localhost.evil.example", 403),
                ("sec-fetch-site", "cross-site", 403),
                ("origin", "http://localhost:3000", status),
                ("origin", "https://127.0.0.1", status),
                ("sec-fetch-site", "same-origin", status),
            ] {
                let answer = Answer::to(archive.request(Method::GET, path).header(name, value)).await;
                assert_eq!(answer.status, expected, "{path} with {name}: {value}");
                let shared = answer.header("access-control-allow-origin");
                let expected = if name == "origin" && expected != 403 { value } else { "" };
                assert_eq!(shared, expected, "{path} with {name}: {value}");
            }
        }
        for path in ["/ws", "/graphql", "/graphql/ws"] {
            let foreign = Client::open(archive, path, &[("origin", "https://evil.example")]).await;
            assert_eq!(foreign.err(), Some(403), "{path}");
        }
    }

    async fn a_preflight_allows_allowed_origins_only(archive) {
        for (path, origin, allowed) in [
            ("/graphql", "http://localhost:3000", true),
            ("/api/v1/stocks", "http://localhost:3000", true),
            ("/graphql", "https://evil.example", false),
            ("/api/v1/stocks", "https://evil.example", false),
        ] {
            let request = archive.request(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "content-type,authorization");
            let answer = Answer::to(request).await;
            let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
            let names = headers.contains("content-type") && headers.contains("authorization");
            assert_eq!((answer.status < 300, names), (allowed, allowed), "{path} for {origin}: {}", answer.status);
        }
    }

    async fn an_allowed_origin_can_read_the_headers_of_a_list(archive) {
        let request = archive.request(Method::GET, "/api/v1/alerts?limit=1").header("origin", "http://localhost:3000");
        let answer = Answer::to(request).await;
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in ["etag", "link", "retry-after"] {
            assert!(exposed.contains(name), "{name} is not in {exposed:?}");
        }
    }
}
