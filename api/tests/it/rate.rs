//! Tests of the rate limit, the connection limit, and the identification of clients.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use crate::{
    answer::Answer,
    client::Client,
    process::until,
    product::{Home, Product},
    rest::problem,
};

const QUERY: &str = "{ __typename }";
/// The rate limit, so low that no request becomes available again during a test.
const A_MINUTE: usize = 2;

/// Adds the header of a proxy in front of `client`.
fn of(request: RequestBuilder, client: &str) -> RequestBuilder {
    request.header("x-forwarded-for", client)
}

/// Sends requests until one is rejected, and returns the rejection.
async fn refused(ask: impl AsyncFn() -> Answer) -> Answer {
    for _ in 0..10 * A_MINUTE {
        let answer = ask().await;
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("no request was rejected");
}

/// Asserts that `Retry-After` equals the value in the body, and is a reasonable time.
fn retry_after(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{}", answer.text);
    let seconds = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    seconds
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_limit_applies_to_every_transport() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let rate = A_MINUTE.to_string();
    let variables = [
        ("RATE_LIMIT", &*rate),
        ("TRUSTED_PROXIES", "127.0.0.0/8, ::1"),
    ];
    let product = home.start(&variables).await;

    let posts = async || Answer::to(of(product.post(QUERY, &json!({})), "198.51.100.1")).await;
    for _ in 0..A_MINUTE {
        assert_eq!(posts().await.status, 200, "the limit allows a burst");
    }
    let answer = refused(posts).await;
    let seconds = retry_after(&answer);
    assert_eq!(answer.code(), "RATE_LIMITED");
    assert_eq!(answer.error()["extensions"]["retryAfter"], json!(seconds));
    assert!(answer.json().get("data").is_none(), "{}", answer.text);

    // All transports count together, and rejected requests do not count.
    let get = || {
        product
            .request(Method::GET, "/graphql")
            .query(&[("query", QUERY)])
    };
    let answer = refused(async || Answer::to(of(get(), "198.51.100.1")).await).await;
    assert_eq!(answer.code(), "RATE_LIMITED");
    for path in [
        "/api/v1/stocks",
        "/api/v1/openapi.json",
        "/nope",
        "/graphiql",
    ] {
        let ask = || of(product.request(Method::GET, path), "198.51.100.1");
        let answer = refused(async || Answer::to(ask()).await).await;
        problem(&answer, 429);
        retry_after(&answer);
    }
    for path in ["/graphql", "/ws"] {
        let opened = Client::open(&product, path, &[("x-forwarded-for", "198.51.100.1")]).await;
        assert_eq!(opened.err(), Some(429), "{path}");
    }
    // Health checks are never limited.
    for path in ["/livez", "/readyz", "/api/v1/health"] {
        for _ in 0..3 * A_MINUTE {
            let answer = Answer::to(of(product.request(Method::GET, path), "198.51.100.1")).await;
            assert_eq!(answer.status, 200, "{path}");
        }
    }
    other_clients_are_not_limited(&product).await;
    a_socket_counts_its_operations(&product).await;
}

async fn other_clients_are_not_limited(product: &Product) {
    let ask = async |client: &str| Answer::to(of(product.post(QUERY, &json!({})), client)).await;
    // The proxy appends to what the client sent.
    let answer = ask("203.0.113.5, 198.51.100.1").await;
    assert_eq!(answer.status, 429);
    assert_eq!(ask("198.51.100.2").await.status, 200);
    // An IPv6 network of 64 bits is one client.
    let mut network = (0..10 * A_MINUTE).map(|host| format!("2001:db8:0:1::{host:x}"));
    let refused = async || {
        let answer = ask(&network.next().expect("rejected")).await;
        (answer.status != 200).then_some(answer.status)
    };
    assert_eq!(
        until("the network is limited", || product.last_words(), refused).await,
        429
    );
    assert_eq!(ask("2001:db8:0:2::1").await.status, 200);
}

async fn a_socket_counts_its_operations(product: &Product) {
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let headers = [
            ("sec-websocket-protocol", protocol),
            (
                "x-forwarded-for",
                if protocol == "graphql-ws" {
                    "192.0.2.7"
                } else {
                    "192.0.2.8"
                },
            ),
        ];
        let mut socket = Client::open(product, "/graphql", &headers)
            .await
            .expect("accepted");
        socket.init(json!({})).await;
        let start = if protocol == "graphql-ws" {
            "start"
        } else {
            "subscribe"
        };
        let mut error = Value::Null;
        for id in 0..10 * A_MINUTE {
            let payload = json!({"query": QUERY});
            socket
                .send(&json!({"type": start, "id": id.to_string(), "payload": payload}))
                .await;
            let message = loop {
                let message = socket.receive().await;
                if ["next", "data", "error"]
                    .iter()
                    .any(|name| message["type"] == *name)
                {
                    break message;
                }
            };
            assert_eq!(message["id"], id.to_string(), "{message}");
            if message["type"] == "error" {
                error = message["payload"].clone();
                break;
            }
        }
        // The socket stays open. The legacy protocol has one error, the modern one a list.
        let error = if error.is_array() { &error[0] } else { &error };
        assert_eq!(error["extensions"]["code"], "RATE_LIMITED", "{error}");
        assert!(
            error["extensions"]["retryAfter"].as_u64() >= Some(1),
            "{error}"
        );
        if protocol == "graphql-transport-ws" {
            socket.send(&json!({"type": "ping"})).await;
            assert_eq!(socket.receive().await["type"], "pong");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_header_of_an_untrusted_peer_is_ignored() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let rate = A_MINUTE.to_string();
    let variables = [("RATE_LIMIT", &*rate), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    let product = home.start(&variables).await;
    let mut client = 0;
    let another = async || {
        client += 1;
        let request = product.post(QUERY, &json!({}));
        let answer = Answer::to(of(request, &format!("198.51.100.{client}"))).await;
        (answer.status != 200).then_some(answer.status)
    };
    assert_eq!(
        until("a request is rejected", || product.last_words(), another).await,
        429
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_limit_counts_a_client_over_all_protocols() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let variables = [
        ("LIMIT_SOCKETS_PER_ADDRESS", "2"),
        ("LIMIT_SOCKETS", "3"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let product = home.start(&variables).await;
    let open = async |path: &str, client: &str| {
        Client::open(&product, path, &[("x-forwarded-for", client)]).await
    };
    let mine = [
        open("/graphql", "192.0.2.1").await.expect("accepted"),
        open("/ws", "192.0.2.1").await.expect("accepted"),
    ];
    for path in ["/graphql", "/ws"] {
        assert_eq!(open(path, "192.0.2.1").await.err(), Some(429), "{path}");
    }
    let _other = open("/graphql/ws", "192.0.2.2").await.expect("accepted");
    assert_eq!(
        open("/graphql", "192.0.2.3").await.err(),
        Some(503),
        "the total limit"
    );
    drop(mine);
    let enter = async || open("/ws", "192.0.2.1").await.ok();
    let _back = until(
        "a connection is accepted again",
        || product.last_words(),
        enter,
    )
    .await;
}
