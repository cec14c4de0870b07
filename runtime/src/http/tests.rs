//! Tests of timeouts and error responses, with slow and broken clients on TCP connections.

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

use super::listener::{Timeouts, plain_text_body, serve};

/// Longer than any step takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    /// Cancelled when the endless response is dropped.
    abandoned: CancellationToken,
    ended: JoinHandle<io::Result<()>>,
}

/// A body larger than the buffers of a connection.
fn large() -> Body {
    Body::from(vec![b'x'; 64 << 20])
}

/// A response body that never ends.
struct Endless(#[expect(dead_code, reason = "cancels its token on drop")] DropGuard);

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

async fn start(timeouts: Timeouts) -> Server {
    let abandoned = CancellationToken::new();
    let dropped = abandoned.clone();
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
        timeouts,
        plain_text_body,
        stop.clone(),
    ));
    Server {
        address,
        stop,
        abandoned,
        ended,
    }
}

impl Server {
    async fn send(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.expect("connect");
        client.write_all(text.as_bytes()).await.expect("send");
        client
    }

    async fn get(&self, path: &str) -> TcpStream {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await
    }

    async fn stop(self) {
        self.stop.cancel();
        let ended = timeout(LONG, self.ended).await.expect("the server stops");
        ended.expect("no panic").expect("no error");
    }
}

/// Reads until the connection is closed or reset.
async fn read_all(mut client: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(LONG, client.read_to_end(&mut text))
        .await
        .expect("the connection is closed");
    String::from_utf8(text).expect("text")
}

fn short_timeouts() -> Timeouts {
    Timeouts {
        head: SHORT,
        write: SHORT,
        drain: SHORT,
    }
}

fn long_timeouts() -> Timeouts {
    Timeouts {
        head: LONG,
        write: LONG,
        drain: SHORT,
    }
}

#[tokio::test]
async fn a_connection_is_closed_if_its_request_head_does_not_arrive_in_time() {
    let server = start(short_timeouts()).await;
    let begun = Instant::now();
    for sent in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        assert_eq!(read_all(server.send(sent).await).await, "", "{sent:?}");
    }
    assert!(begun.elapsed() >= SHORT);
    // The timeout also applies to a head that arrives line by line.
    let (mut reading, mut writing) = server.send("GET / HTTP/1.1\r\n").await.into_split();
    let trickling = TaskTracker::new().spawn(async move {
        while writing.write_all(b"x-slow: x\r\n").await.is_ok() {
            sleep(SHORT / 10).await;
        }
    });
    let mut received = Vec::new();
    let _ = timeout(LONG, reading.read_to_end(&mut received))
        .await
        .expect("the connection is closed");
    assert!(received.is_empty());
    trickling.await.expect("no panic");
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_timeout() {
    let server = start(short_timeouts()).await;
    let text = read_all(server.get("/").await).await;
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.ends_with("ok"),
        "{text}"
    );
    // The time that the server itself takes does not count.
    let text = read_all(server.get("/slow").await).await;
    assert!(text.ends_with("at last"), "{text}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected() {
    let server = start(short_timeouts()).await;
    let mut client = server.get("/endless").await;
    let mut first = [0; 16];
    client
        .read_exact(&mut first)
        .await
        .expect("the response starts");
    let abandoned = timeout(LONG, server.abandoned.cancelled()).await;
    abandoned.expect("the response is dropped although the client is connected");
    server.stop().await;
    drop(client);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_everything() {
    let server = start(short_timeouts()).await;
    let mut client = server.get("/large").await;
    let mut taken = 0;
    let mut part = vec![0; 8 << 20];
    loop {
        match client
            .read(&mut part)
            .await
            .expect("the connection is open")
        {
            0 => break,
            bytes => taken += bytes,
        }
        if taken >= 64 << 20 {
            break;
        }
        sleep(SHORT / 100).await;
    }
    assert!(taken >= 64 << 20);
    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_responses_in_flight_and_not_for_idle_or_stuck_clients() {
    let server = start(long_timeouts()).await;
    let silent = server.send("").await;
    let halfway = server.send("GET / HTTP/1.1\r\n").await;
    let slow = server.get("/slow").await;
    let stuck = server.get("/endless").await;
    // When a later connection gets a response, all of these have been accepted.
    let mut last = server.get("/").await;
    let mut first = [0; 12];
    last.read_exact(&mut first).await.expect("a response");
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < LONG, "nobody's timeouts was used up");
    assert!(read_all(slow).await.ends_with("at last"));
    drop((silent, halfway, stuck));
}

#[tokio::test]
async fn an_invalid_request_gets_an_error_body_although_the_client_still_sends() {
    let server = start(long_timeouts()).await;
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
        // First a valid request on the same connection.
        let client = server.get("/").await;
        let (mut reading, mut writing) = client.into_split();
        let mut start = vec![0; 12];
        reading.read_exact(&mut start).await.expect("a response");
        let writing = TaskTracker::new().spawn(async move {
            // The server may close the connection before everything is sent.
            let _ = writing.write_all(text.as_bytes()).await;
            let _ = writing.shutdown().await;
        });
        let mut text = Vec::new();
        let read = timeout(LONG, reading.read_to_end(&mut text)).await;
        read.expect("the connection is closed").expect("no reset");
        let text = String::from_utf8(text).expect("text");
        let (_, error) = text.split_once("\r\n\r\nok").expect("the first response");
        let (head, error_body) = error.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{error}"
        );
        assert!(
            head.contains(&format!("content-length: {}", error_body.len())),
            "{error}"
        );
        assert!(head.contains("connection: close"), "{error}");
        assert!(error_body.contains(body), "{error}");
        writing.await.expect("no panic");
    }
    server.stop().await;
}
