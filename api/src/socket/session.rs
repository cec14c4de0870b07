//! One plain WebSocket, from its upgrade to its end.
//!
//! One invariant: reading and writing never wait for each other, and every wait is bounded: by a pong that is due, by how
//! far the client may fall behind, by the end of the process.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use runtime::metric::{CloseReason, Protocol};
use tokio::{
    sync::watch,
    time::{Instant, interval_at, sleep, timeout},
};

use super::{Room, frame};
use crate::service::{Following, Lagging, Told};

/// The most events that are written with one flush.
const AT_ONCE: usize = 64;
/// What a client has to take the goodbye that broke the protocol.
const LINGER: Duration = Duration::from_secs(1);
type Sink = SplitSink<WebSocket, Message>;

/// Sends a client the events that it follows, each with its cursor if `with_cursor`, until either side ends the socket.
pub(super) async fn serve(
    socket: WebSocket,
    room: Arc<Room>,
    following: Following,
    with_cursor: bool,
) {
    let _counted = room.metrics.client_connected(Protocol::Ws);
    let (mut sink, mut stream) = socket.split();
    let (heard, hearing) = watch::channel(Instant::now());
    let (reason, code) = {
        let reading = pin!(read(&mut stream, heard));
        let writing = pin!(tell(
            &mut sink,
            &room,
            following,
            with_cursor,
            hearing.clone()
        ));
        let lagging = pin!(going_away(&room));
        tokio::select! {
            (reason, code) = reading => (reason, code),
            (reason, code) = writing => (reason, code),
            () = lagging => (CloseReason::Shutdown, Some(close_code::AWAY)),
        }
    };
    room.metrics.subscriber_closed(Protocol::Ws, reason);
    if let Some(code) = code {
        let frame = CloseFrame {
            code,
            reason: reason.as_str().into(),
        };
        // Whoever still says something to a socket that is gone is reset, and loses what was not read yet. So the socket
        // stays until its client has left.
        let goodbye = async {
            let told = sink.send(Message::Close(Some(frame))).await;
            while told.is_ok() && matches!(stream.next().await, Some(Ok(_))) {}
        };
        if reason == CloseReason::Protocol {
            // Nothing more can be read; and what was not read resets the client, who is given time to take the goodbye.
            let _ = timeout(LINGER, goodbye).await;
            sleep(LINGER).await;
        } else if code == close_code::AWAY {
            let _ = timeout(room.shutdown.grace() / 10, goodbye).await;
        } else {
            // Who does not take the goodbye is silent, too; who was silent already is told once.
            tokio::select! {
                biased;
                () = goodbye => {}
                () = silence(hearing, room.limits.silence) => {}
            }
        }
    }
}

/// Hears and ignores what a client says; pongs keep it alive. Ends with why nothing more can be read.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    heard: watch::Sender<Instant>,
) -> (CloseReason, Option<u16>) {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Pong(_)) => {
                heard.send_replace(Instant::now());
            }
            Ok(_) => {}
            Err(error) => match transport::close_code(&error) {
                Some(code) => return (CloseReason::Protocol, Some(code)),
                None => break,
            },
        }
    }
    (CloseReason::Left, None)
}

/// Waits until this client is to be sent off.
async fn going_away(room: &Room) {
    room.shutdown.soft().cancelled().await;
    sleep(room.shutdown.closing_delay()).await;
}

/// Writes the events that a client follows; returns why it cannot go on.
async fn tell(
    sink: &mut Sink,
    room: &Room,
    following: Following,
    with_cursor: bool,
    hearing: watch::Receiver<Instant>,
) -> (CloseReason, Option<u16>) {
    let overload = (CloseReason::Overload, Some(close_code::AGAIN));
    let (largest, lagging) = (following.largest(), following.lagging());
    let mut events = pin!(room.service.tell(following).ready_chunks(AT_ONCE));
    let limit = room.limits.silence;
    let every = limit * 2 / 3;
    let mut pings = interval_at(Instant::now() + every, every);
    let mut silent = pin!(silence(hearing, limit));
    loop {
        let messages = tokio::select! {
            _ = pings.tick() => vec![Message::Ping(Vec::new().into())],
            events = events.next() => match frames(events, with_cursor) {
                Ok(frames) => {
                    for frame in &frames {
                        largest.told(size(frame));
                    }
                    room.metrics.events_delivered(Protocol::Ws, frames.len() as u64);
                    frames
                }
                Err(_) => return overload,
            },
            () = &mut silent => {
                return (CloseReason::Silent, Some(close_code::POLICY));
            }
        };
        let told = tokio::select! {
            told = deliver(sink, messages) => told,
            () = lagging.cancelled() => return overload,
            () = &mut silent => return (CloseReason::Silent, None),
        };
        if told.is_err() {
            return (CloseReason::Left, None);
        }
    }
}

/// The frames of some events. The stream of events ends only after the error that the client is too far behind.
fn frames(
    events: Option<Vec<Result<Told, Lagging>>>,
    with_cursor: bool,
) -> Result<Vec<Message>, Lagging> {
    let frame = |told: Told| told.happened.frame(with_cursor, frame::write);
    events
        .ok_or(Lagging)?
        .into_iter()
        .filter_map(|told| told.map(frame).transpose())
        .map(|frame| frame.map(Message::Text))
        .collect()
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        _ => 0,
    }
}

/// Writes messages with one flush.
async fn deliver(sink: &mut Sink, messages: Vec<Message>) -> Result<(), axum::Error> {
    for message in messages {
        sink.feed(message).await?;
    }
    sink.flush().await
}

/// Waits until a client has said nothing for too long: a third longer than one of GraphQL may, since it is pinged at two
/// thirds of that and only a pong counts.
async fn silence(hearing: watch::Receiver<Instant>, limit: Duration) {
    let patience = limit * 4 / 3;
    loop {
        let left = patience.checked_sub(hearing.borrow().elapsed());
        match left {
            Some(left) if !left.is_zero() => sleep(left).await,
            _ => return,
        }
    }
}
