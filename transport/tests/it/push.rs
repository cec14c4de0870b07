//! WebSockets that only send.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request, response::IntoResponse, routing::get};
use futures_util::{SinkExt, StreamExt, future, stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use transport::{ConnectionLimiter, Drain, End, Handshake, Limits, PushServer, Utf8Bytes, Writers};

use crate::app::Log;

type Frames = Vec<Result<Utf8Bytes, End>>;

struct Push {
    address: SocketAddr,
    log: Log,
    signal: CancellationToken,
}

impl Push {
    /// Serves sockets that send `frames`, then nothing.
    async fn start(frames: Frames) -> Self {
        let (log, signal) = (Log::default(), CancellationToken::new());
        let server = PushServer {
            limits: Limits {
                heartbeat_interval: Duration::from_millis(50),
                idle_timeout: Duration::from_millis(300),
                ..Limits::default()
            },
            connections: ConnectionLimiter::default(),
            drain: Drain::new(signal.clone(), Duration::ZERO, |spread| spread),
            tasks: TaskTracker::new(),
            writers: Writers::default(),
            observer: Arc::new(log.clone()),
        };
        let upgrade = move |request: Request| async move {
            let (mut parts, _) = request.into_parts();
            let frames = stream::iter(frames).chain(stream::pending());
            let accepted = Handshake::parse(&mut parts)
                .and_then(|handshake| server.accept(&parts, handshake, frames, future::pending()));
            accepted.map_err(|error| error.status.into_response())
        };
        let router = Router::new().route("/push", get(upgrade));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("port");
        let address = listener.local_addr().expect("address");
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            log,
            signal,
        }
    }

    async fn connect(&self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        let url = format!("ws://{}/push", self.address);
        connect_async(url).await.expect("an open socket").0
    }
}

/// Receives messages until a close frame. Returns the texts and the close code.
async fn receive_all(
    socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>,
) -> (Vec<String>, u16) {
    let mut texts = Vec::new();
    loop {
        match socket.next().await.expect("a message").expect("a frame") {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Close(frame) => return (texts, frame.expect("a code").code.into()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn frames_are_sent_until_the_client_is_too_slow() {
    let push = Push::start(vec![Ok("a".into()), Ok("b".into()), Err(End::Overloaded)]).await;
    let mut socket = push.connect().await;
    let expected = (vec!["a".to_owned(), "b".to_owned()], 1013);
    assert_eq!(receive_all(&mut socket).await, expected);
    push.log.wait_for("ws delivered, missed 0").await;
    push.log.wait_for("ws closed: Overloaded").await;
    drop(socket);
    push.log.wait_for("ws departed").await;
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_connected_until_the_shutdown() {
    let push = Push::start(Vec::new()).await;
    let mut socket = push.connect().await;
    // Its input is ignored.
    socket.send(Message::text("x")).await.expect("sent");
    let early = tokio::time::timeout(Duration::from_secs(1), receive_all(&mut socket)).await;
    assert!(early.is_err(), "{early:?}");
    push.signal.cancel();
    assert_eq!(receive_all(&mut socket).await, (Vec::new(), 1001));
    push.log.wait_for("ws closed: GoingAway").await;
}

#[tokio::test]
async fn a_client_that_sends_but_does_not_answer_pings_is_closed_with_1008() {
    let push = Push::start(Vec::new()).await;
    let (mut sending, mut receiving) = push.connect().await.split();
    for _ in 0..10 {
        // Not polled for reading, so the client does not see the pings.
        sending.send(Message::text("x")).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    push.log.wait_for("ws closed: IdleTimeout").await;
    let code = loop {
        if let Message::Close(frame) = receiving.next().await.expect("a message").expect("a frame")
        {
            break frame.expect("a code").code;
        }
    };
    assert_eq!(u16::from(code), 1008);
}
