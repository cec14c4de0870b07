//! Tests of malicious input: it is rejected on every transport, in time linear in its size, while
//! other requests are served.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};
use testkit::TestDatabaseUrl;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    answer::Answer,
    client::Client,
    process::PATIENCE,
    product::{Home, Product},
};

/// Maximum CPU time of one rejection, in seconds: far less than exponential validation takes, which
/// doubles with each fragment. Unoptimized code may take longer.
const MAX_CPU_SECONDS: f64 = if cfg!(debug_assertions) { 0.1 } else { 0.05 };
/// How often each attack is sent, so that the resolution of the CPU clock (10 ms) is sufficient.
const TIMES: u32 = 10;
/// Longer URIs are rejected before they are read.
const LONGEST_URI: usize = 60_000;
/// Maximum time of a probe, on a busy machine.
const PROBE: Duration = Duration::from_secs(10);

/// A document that is rejected, with its variables and the expected error code.
struct Attack {
    name: &'static str,
    query: String,
    variables: Value,
    code: &'static str,
}

fn attacks() -> Vec<Attack> {
    let attack = |name, query| Attack {
        name,
        query,
        variables: json!({}),
        code: "QUERY_TOO_COMPLEX",
    };
    let many = |count: usize, each: fn(usize) -> String| (0..count).map(each).collect::<String>();
    vec![
        attack("nested fragments", nested_fragments()),
        attack(
            "10 000 aliases",
            format!("{{ {} }}", many(10_000, |n| format!("a{n}:__typename "))),
        ),
        attack(
            "10 000 fields",
            format!("{{ {} }}", "__typename ".repeat(10_000)),
        ),
        attack(
            "10 000 directives",
            format!("{{ __typename {} }}", "@include(if:true)".repeat(10_000)),
        ),
        attack(
            "1 MB of query",
            format!("{{ __typename #{}\n }}", "x".repeat(1_000_000)),
        ),
        attack(
            "deep nesting",
            format!("{}x{}", "{a".repeat(5_000), "}".repeat(5_000)),
        ),
        attack(
            "deep values",
            format!(
                "{{ stock(symbol: {}1{}) {{ id }} }}",
                "[".repeat(5_000),
                "]".repeat(5_000)
            ),
        ),
        Attack {
            name: "1 MB of variables",
            query: "query($s: Symbol!) { stock(symbol: $s) { id } }".to_owned(),
            variables: json!({"s": "x".repeat(1_000_000)}),
            code: "BAD_USER_INPUT",
        },
    ]
}

/// A document of 1.5 KB in which each fragment spreads the next one twice: 2^30 fields if all are
/// expanded.
fn nested_fragments() -> String {
    let mut text = "{ ...F0 }".to_owned();
    for level in 0..30 {
        let next = level + 1;
        let _ = write!(
            text,
            "fragment F{level} on Query {{ ...F{next} ...F{next} }}"
        );
    }
    text.push_str("fragment F30 on Query { __typename }");
    text
}

/// A transport on which attacks are sent.
#[derive(Clone, Copy, Debug)]
enum Transport {
    Post,
    Get,
    Events,
    Modern,
    Legacy,
}

const TRANSPORTS: [Transport; 5] = [
    Transport::Post,
    Transport::Get,
    Transport::Events,
    Transport::Modern,
    Transport::Legacy,
];

impl Transport {
    /// Sends the attack `times` times. Returns the error codes.
    async fn send(self, product: &Product, attack: &Attack, times: u32) -> Vec<String> {
        let mut codes = Vec::new();
        match self {
            Self::Modern => {
                return over_socket(product, attack, times, "graphql-transport-ws").await;
            }
            Self::Legacy => return over_socket(product, attack, times, "graphql-ws").await,
            Self::Post | Self::Get | Self::Events => {}
        }
        for _ in 0..times {
            let code = match self {
                Self::Get => send_get(product, attack).await,
                Self::Events => {
                    let request = product.post(&attack.query, &attack.variables);
                    let answer = Answer::to(request.header("accept", "text/event-stream")).await;
                    assert_short(&answer.text);
                    let event = answer.text.split("data: ").nth(1).expect("an event");
                    code_of(event.lines().next().expect("a line"))
                }
                _ => {
                    let answer = Answer::to(product.post(&attack.query, &attack.variables)).await;
                    assert_short(&answer.text);
                    answer.code()
                }
            };
            codes.push(code);
        }
        codes
    }
}

/// Asserts that an error does not repeat the request.
fn assert_short(text: &str) {
    assert!(text.len() < 2_000, "{} bytes: {text:.200}", text.len());
}

fn code_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let code = body["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or_else(|| panic!("no code: {body}")).to_owned()
}

/// Sends a GET request over TCP, because HTTP clients reject such URIs. Returns the error code.
async fn send_get(product: &Product, attack: &Attack) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("query", &attack.query)
        .append_pair("variables", &attack.variables.to_string())
        .finish();
    let head = format!(
        "GET /graphql?{query} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
        product.address
    );
    let connection = TcpStream::connect(product.address)
        .await
        .expect("connected");
    let (mut reading, mut writing) = connection.into_split();
    let mut text = Vec::new();
    let sent = writing.write_all(head.as_bytes());
    // The server may close the connection before everything is sent.
    let (_, _) = tokio::join!(sent, timeout(PATIENCE, reading.read_to_end(&mut text)));
    let text = String::from_utf8_lossy(&text);
    if query.len() > LONGEST_URI {
        let refused = ["", "HTTP/1.1 414 ", "HTTP/1.1 431 "];
        assert!(refused.iter().any(|it| text.starts_with(it)), "{text:.200}");
        if let Some((_, body)) = text.split_once("\r\n\r\n") {
            assert_eq!(code_of(body), "BAD_USER_INPUT");
        }
        return attack.code.to_owned();
    }
    assert_short(&text);
    let (_, body) = text.split_once("\r\n\r\n").expect("a body");
    code_of(body)
}

async fn over_socket(
    product: &Product,
    attack: &Attack,
    times: u32,
    protocol: &'static str,
) -> Vec<String> {
    let headers = [("sec-websocket-protocol", protocol)];
    let mut socket = Client::open(product, "/graphql", &headers)
        .await
        .expect("accepted");
    socket.init(json!({})).await;
    let start = if protocol == "graphql-ws" {
        "start"
    } else {
        "subscribe"
    };
    let mut codes = Vec::new();
    for id in 0..times {
        let payload = json!({"query": attack.query, "variables": attack.variables});
        socket
            .send(&json!({"type": start, "id": id.to_string(), "payload": payload}))
            .await;
        let message = loop {
            let message = socket.receive().await;
            if message["type"] == "error" {
                break message;
            }
            assert!(
                message["type"] == "connection_ack" || message["type"] == "ka",
                "{message}"
            );
        };
        assert_short(&message.to_string());
        let error = &message["payload"];
        let error = if error.is_array() { &error[0] } else { error };
        let code = error["extensions"]["code"].as_str();
        codes.push(
            code.unwrap_or_else(|| panic!("no code: {message}"))
                .to_owned(),
        );
    }
    codes
}

/// Awaits `busy`, and asserts that the liveness probe responds meanwhile.
async fn probed<T>(product: &Product, busy: impl Future<Output = T>) -> T {
    let probing = async {
        loop {
            let begun = Instant::now();
            assert_eq!(product.get("/livez").await.status, 200);
            assert!(begun.elapsed() < PROBE, "probed in {:?}", begun.elapsed());
        }
    };
    let done = tokio::select! {
        () = probing => unreachable!("probes do not end"),
        done = timeout(PATIENCE, busy) => done.expect("rejected in time"),
    };
    done
}

/// Starts a product that is otherwise idle.
async fn idle() -> (Home, Product) {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home.start(&[("REPLAY_SPEED", "0.001")]).await;
    (home, product)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expensive_documents_are_rejected_quickly_on_every_transport() {
    let (_home, product) = idle().await;
    let mut costly = Vec::new();
    for attack in attacks() {
        for transport in TRANSPORTS {
            let before = product.api.computed();
            let codes = probed(&product, transport.send(&product, &attack, TIMES)).await;
            assert_eq!(
                codes,
                vec![attack.code; TIMES as usize],
                "{} by {transport:?}",
                attack.name
            );
            let each = (product.api.computed() - before) / f64::from(TIMES);
            println!(
                "{:>22} by {transport:?}: {:.1} ms",
                attack.name,
                each * 1000.0
            );
            if each > MAX_CPU_SECONDS {
                costly.push(format!("{} by {transport:?}: {each} s", attack.name));
            }
        }
    }
    assert!(costly.is_empty(), "{costly:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_expensive_documents_than_threads_do_not_block_other_requests() {
    let (_home, product) = idle().await;
    let attack = &attacks()[0];
    let attacks = (0..16).map(|_| Transport::Post.send(&product, attack, 2));
    let codes = probed(&product, futures_util::future::join_all(attacks)).await;
    assert!(
        codes.iter().flatten().all(|code| code == attack.code),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deeply_nested_variables_are_rejected() {
    let (_home, product) = idle().await;
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let body = format!(r#"{{"query":"{{__typename}}","variables":{{"a":{deep}}}}}"#);
    let request = product.request(reqwest::Method::POST, "/graphql");
    let request = request
        .header("content-type", "application/json")
        .body(body.clone());
    let answer = probed(&product, Answer::to(request)).await;
    assert_eq!((answer.status, &*answer.code()), (400, "BAD_USER_INPUT"));
    assert_short(&answer.text);
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let headers = [("sec-websocket-protocol", protocol)];
        let mut socket = Client::open(&product, "/graphql", &headers)
            .await
            .expect("accepted");
        socket.init(json!({})).await;
        let start = if protocol == "graphql-ws" {
            "start"
        } else {
            "subscribe"
        };
        socket
            .send_text(format!(r#"{{"type":"{start}","id":"1","payload":{body}}}"#))
            .await;
        assert_eq!(probed(&product, socket.closed()).await, 4400);
    }
}
