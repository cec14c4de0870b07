//! What is sent to hurt.
//!
//! One invariant: whatever is refused is refused in time linear in its text, on every way in, while
//! others are served.

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

/// What the server may compute for one refusal, in seconds: far less than what blows up takes,
/// which doubles with each further fragment. Unoptimised code is given more.
const ALLOWED: f64 = if cfg!(debug_assertions) { 0.1 } else { 0.05 };
/// How often each is sent, so that the clock's ticks of 10 ms do not matter.
const TIMES: u32 = 10;
/// Longer URIs are refused before they are read.
const LONGEST_URI: usize = 60_000;
/// What a probe may take on a busy machine.
const PROBE: Duration = Duration::from_secs(10);

/// A document that is refused, with its variables and the code that says so.
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
        attack("a bomb of fragments", bomb()),
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

/// 1.5 KB in which each fragment spreads the next one twice: 2^30 visits for whoever visits each
/// spread.
fn bomb() -> String {
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

/// A way in: its name, and what it answers to an attack as code and size.
#[derive(Clone, Copy, Debug)]
enum Way {
    Post,
    Get,
    Events,
    Modern,
    Legacy,
}

const WAYS: [Way; 5] = [Way::Post, Way::Get, Way::Events, Way::Modern, Way::Legacy];

impl Way {
    /// The codes of as many refusals.
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
                Self::Get => got(product, attack).await,
                Self::Events => {
                    let request = product.post(&attack.query, &attack.variables);
                    let answer = Answer::to(request.header("accept", "text/event-stream")).await;
                    short(&answer.text);
                    let event = answer.text.split("data: ").nth(1).expect("an event");
                    code_of(event.lines().next().expect("a line"))
                }
                _ => {
                    let answer = Answer::to(product.post(&attack.query, &attack.variables)).await;
                    short(&answer.text);
                    answer.code()
                }
            };
            codes.push(code);
        }
        codes
    }
}

/// A refusal does not repeat what was sent.
fn short(text: &str) {
    assert!(text.len() < 2_000, "{} bytes: {text:.200}", text.len());
}

fn code_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let code = body["errors"][0]["extensions"]["code"].as_str();
    code.unwrap_or_else(|| panic!("no code: {body}")).to_owned()
}

/// By hand, because clients do not send such URIs.
async fn got(product: &Product, attack: &Attack) -> String {
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
        .expect("it listens");
    let (mut reading, mut writing) = connection.into_split();
    let mut text = Vec::new();
    let sent = writing.write_all(head.as_bytes());
    // Whoever is refused at once may find the connection closed while still sending.
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
    short(&text);
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
        .expect("it is let in");
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
            .say(&json!({"type": start, "id": id.to_string(), "payload": payload}))
            .await;
        let told = loop {
            let told = socket.hear().await;
            if told["type"] == "error" {
                break told;
            }
            assert!(
                told["type"] == "connection_ack" || told["type"] == "ka",
                "{told}"
            );
        };
        short(&told.to_string());
        let error = &told["payload"];
        let error = if error.is_array() { &error[0] } else { error };
        let code = error["extensions"]["code"].as_str();
        codes.push(code.unwrap_or_else(|| panic!("no code: {told}")).to_owned());
    }
    codes
}

/// Asks whether it lives until `busy` is over; answers what that came to.
async fn probed<T>(product: &Product, busy: impl Future<Output = T>) -> T {
    let asking = async {
        loop {
            let begun = Instant::now();
            assert_eq!(product.get("/livez").await.status, 200);
            assert!(
                begun.elapsed() < PROBE,
                "it answered after {:?}",
                begun.elapsed()
            );
        }
    };
    let done = tokio::select! {
        () = asking => unreachable!("it asks for ever"),
        done = timeout(PATIENCE, busy) => done.expect("it is refused in time"),
    };
    done
}

/// A product in which nothing else happens.
async fn idle() -> (Home, Product) {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home.start(&[("REPLAY_SPEED", "0.001")]).await;
    (home, product)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_documents_are_refused_cheaply_on_every_way_in() {
    let (_home, product) = idle().await;
    let mut costly = Vec::new();
    for attack in attacks() {
        for way in WAYS {
            let before = product.api.computed();
            let codes = probed(&product, way.send(&product, &attack, TIMES)).await;
            assert_eq!(
                codes,
                vec![attack.code; TIMES as usize],
                "{} by {way:?}",
                attack.name
            );
            let each = (product.api.computed() - before) / f64::from(TIMES);
            println!("{:>22} by {way:?}: {:.1} ms", attack.name, each * 1000.0);
            if each > ALLOWED {
                costly.push(format!("{} by {way:?}: {each} s", attack.name));
            }
        }
    }
    assert!(costly.is_empty(), "{costly:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_bombs_than_there_are_threads_stop_nobody() {
    let (_home, product) = idle().await;
    let attack = &attacks()[0];
    let bombs = (0..16).map(|_| Way::Post.send(&product, attack, 2));
    let codes = probed(&product, futures_util::future::join_all(bombs)).await;
    assert!(
        codes.iter().flatten().all(|code| code == attack.code),
        "{codes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_that_nest_for_ever_are_no_request() {
    let (_home, product) = idle().await;
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let body = format!(r#"{{"query":"{{__typename}}","variables":{{"a":{deep}}}}}"#);
    let request = product.request(reqwest::Method::POST, "/graphql");
    let request = request
        .header("content-type", "application/json")
        .body(body.clone());
    let answer = probed(&product, Answer::to(request)).await;
    assert_eq!((answer.status, &*answer.code()), (400, "BAD_USER_INPUT"));
    short(&answer.text);
    for protocol in ["graphql-transport-ws", "graphql-ws"] {
        let headers = [("sec-websocket-protocol", protocol)];
        let mut socket = Client::open(&product, "/graphql", &headers)
            .await
            .expect("it is let in");
        socket.init(json!({})).await;
        let start = if protocol == "graphql-ws" {
            "start"
        } else {
            "subscribe"
        };
        socket
            .say_text(format!(r#"{{"type":"{start}","id":"1","payload":{body}}}"#))
            .await;
        assert_eq!(probed(&product, socket.closed()).await, 4400);
    }
}
