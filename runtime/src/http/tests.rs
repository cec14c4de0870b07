//! Peers that are slow on purpose, on real connections.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::get,
};
use hyper::body::{Body as HttpBody, Frame};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::listener::{Patience, plain_refusal, serve};

/// Far longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    /// Nobody writes the endless answer any more.
    given_up: CancellationToken,
    ended: JoinHandle<io::Result<()>>,
}

/// More than the buffers of a connection hold.
fn large() -> Body {
    Body::from(vec![b'x'; 64 << 20])
}

/// An answer that never ends.
struct Endless(#[expect(dead_code, reason = "tells when it is dropped")] DropGuard);

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = Bytes::from_static(&[b'x'; 4096]);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}

async fn start(patience: Patience) -> Server {
    let given_up = CancellationToken::new();
    let dropped = given_up.clone();
    let endless = async move || Body::new(Endless(dropped.clone().drop_guard()));
    let router = Router::new()
        .route("/endless", get(endless))
        .route("/", get(async || "ok"))
        .route(
            "/slow",
            get(async || {
                sleep(4 * SHORT).await;
                "at last"
            }),
        )
        .route("/large", get(async || large()));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let ended = TaskTracker::new().spawn(serve(
        listener,
        router,
        patience,
        plain_refusal,
        stop.clone(),
    ));
    Server {
        address,
        stop,
        given_up,
        ended,
    }
}

impl Server {
    async fn say(&self, text: &str) -> TcpStream {
        let mut peer = TcpStream::connect(self.address).await.expect("it listens");
        peer.write_all(text.as_bytes()).await.expect("it is sent");
        peer
    }

    async fn ask(&self, path: &str) -> TcpStream {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await
    }

    async fn ended(self) {
        self.stop.cancel();
        let ended = timeout(LONG, self.ended).await.expect("it ends");
        ended.expect("no panic").expect("no error");
    }
}

/// Reads to the end, or to the reset that is one.
async fn rest(mut peer: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(LONG, peer.read_to_end(&mut text))
        .await
        .expect("it ends");
    String::from_utf8(text).expect("text")
}

fn impatient() -> Patience {
    Patience {
        head: SHORT,
        write: SHORT,
        leave: SHORT,
    }
}

fn patient() -> Patience {
    Patience {
        head: LONG,
        write: LONG,
        leave: SHORT,
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let server = start(impatient()).await;
    let begun = Instant::now();
    for said in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        assert_eq!(rest(server.say(said).await).await, "", "{said:?}");
    }
    assert!(begun.elapsed() >= SHORT);
    // Drop by drop is as slow.
    let (mut reading, mut writing) = server.say("GET / HTTP/1.1\r\n").await.into_split();
    let dripping = TaskTracker::new().spawn(async move {
        while writing.write_all(b"x-drip: x\r\n").await.is_ok() {
            sleep(SHORT / 10).await;
        }
    });
    let mut said = Vec::new();
    let _ = timeout(LONG, reading.read_to_end(&mut said))
        .await
        .expect("it ends");
    assert!(said.is_empty());
    dripping.await.expect("it notices");
    server.ended().await;
}

#[tokio::test]
async fn a_kept_connection_waits_for_the_next_request_as_long() {
    let server = start(impatient()).await;
    let told = rest(server.ask("/").await).await;
    assert!(
        told.starts_with("HTTP/1.1 200 ") && told.ends_with("ok"),
        "{told}"
    );
    // What we take ourselves is not the peer's fault.
    let told = rest(server.ask("/slow").await).await;
    assert!(told.ends_with("at last"), "{told}");
    server.ended().await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_given_up() {
    let server = start(impatient()).await;
    let mut peer = server.ask("/endless").await;
    let mut first = [0; 16];
    peer.read_exact(&mut first).await.expect("it begins");
    let given_up = timeout(LONG, server.given_up.cancelled()).await;
    given_up.expect("it is given up, though nobody left");
    server.ended().await;
    drop(peer);
}

#[tokio::test]
async fn a_peer_that_takes_slowly_gets_everything() {
    let server = start(impatient()).await;
    let mut peer = server.ask("/large").await;
    let mut taken = 0;
    let mut part = vec![0; 8 << 20];
    loop {
        match peer.read(&mut part).await.expect("it is still there") {
            0 => break,
            bytes => taken += bytes,
        }
        if taken >= 64 << 20 {
            break;
        }
        sleep(SHORT / 100).await;
    }
    assert!(taken >= 64 << 20);
    drop(peer);
    server.ended().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_asked_for_and_waits_for_nobody_else() {
    let server = start(patient()).await;
    let silent = server.say("").await;
    let halfway = server.say("GET / HTTP/1.1\r\n").await;
    let asked = server.ask("/slow").await;
    let stuck = server.ask("/endless").await;
    // All of them were accepted once one that came after them is answered.
    let mut last = server.ask("/").await;
    let mut first = [0; 12];
    last.read_exact(&mut first).await.expect("it is answered");
    let begun = Instant::now();
    server.ended().await;
    assert!(begun.elapsed() < LONG, "nobody's patience was used up");
    assert!(rest(asked).await.ends_with("at last"));
    drop((silent, halfway, stuck));
}

#[tokio::test]
async fn a_head_that_is_refused_is_explained_though_its_peer_still_sends() {
    let server = start(patient()).await;
    let uri = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(2 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: x\r\n".repeat(200));
    for (text, status, body) in [
        (uri, "414 URI Too Long", "longer than 65534 bytes"),
        (head, "431 Request Header Fields Too Large", "too large"),
        (many, "431 Request Header Fields Too Large", "100 headers"),
        (
            "GET / HTTP/9\r\n\r\n".to_owned(),
            "400 Bad Request",
            "not well-formed",
        ),
        (
            "GET / HTTP/1.1\r\n:\r\n\r\n".to_owned(),
            "400 Bad Request",
            "not well-formed",
        ),
    ] {
        // First something that is answered, on the same connection.
        let peer = server.ask("/").await;
        let (mut reading, mut writing) = peer.into_split();
        let mut told = vec![0; 12];
        reading.read_exact(&mut told).await.expect("it is answered");
        let writing = TaskTracker::new().spawn(async move {
            // It may be given up before it has sent everything.
            let _ = writing.write_all(text.as_bytes()).await;
            let _ = writing.shutdown().await;
        });
        let mut told = Vec::new();
        let read = timeout(LONG, reading.read_to_end(&mut told)).await;
        read.expect("it ends").expect("no reset");
        let told = String::from_utf8(told).expect("text");
        let (_, refusal) = told.split_once("\r\n\r\nok").expect("the first answer");
        let (head, text) = refusal.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{refusal}"
        );
        assert!(
            head.contains(&format!("content-length: {}", text.len())),
            "{refusal}"
        );
        assert!(head.contains("connection: close"), "{refusal}");
        assert!(text.contains(body), "{refusal}");
        writing.await.expect("no panic");
    }
    server.ended().await;
}
