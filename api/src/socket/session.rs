//! One plain WebSocket, from its upgrade to its end.
//!
//! One invariant: reading and writing never wait for each other, and every wait is bounded: by a pong that is due, by how
//! far the client may fall behind, by the end of the process.

use std::{pin::pin, sync::Arc, time::Duration};

use crate::metrics::LiveProtocol;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use transport::Reason;
use transport::{Beat, Heartbeat};

use super::{Room, frame};
use crate::{
    live::DisconnectReason,
    service::{Delivery, SubscriptionPlan},
};

/// The most events that are written with one flush.
const AT_ONCE: usize = 64;
/// What a client has to take the goodbye that broke the protocol.
const LINGER: Duration = Duration::from_secs(1);
type Sink = SplitSink<WebSocket, Message>;

/// Sends a client the events that it follows, each with its cursor if `with_cursor`, until either side ends the socket.
pub(super) async fn serve(
    socket: WebSocket,
    room: Arc<Room>,
    following: SubscriptionPlan,
    with_cursor: bool,
) {
    let _counted = room.metrics.client_connected(LiveProtocol::PlainWebSocket);
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
        let leaving = pin!(going_away(&room));
        tokio::select! {
            (reason, code) = reading => (reason, code),
            (reason, code) = writing => (reason, code),
            () = leaving => (Reason::GoingAway, Some(close_code::AWAY)),
        }
    };
    room.metrics
        .subscriber_closed(LiveProtocol::PlainWebSocket, reason);
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
        if reason == Reason::Misbehaved {
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
                () = silence(hearing, room.limits.silence, None) => {}
            }
        }
    }
}

/// Hears and ignores what a client says; pongs keep it alive. Ends with why nothing more can be read.
async fn read(
    stream: &mut SplitStream<WebSocket>,
    heard: watch::Sender<Instant>,
) -> (Reason, Option<u16>) {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Pong(_)) => {
                heard.send_replace(Instant::now());
            }
            Ok(_) => {}
            Err(error) => match transport::close_code(&error) {
                Some(code) => return (Reason::Misbehaved, Some(code)),
                None => break,
            },
        }
    }
    (Reason::Disconnected, None)
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
    following: SubscriptionPlan,
    with_cursor: bool,
    hearing: watch::Receiver<Instant>,
) -> (Reason, Option<u16>) {
    let (largest, dismissal) = (following.max_event_size(), following.disconnect_signal());
    let mut events = pin!(room.service.deliver(following).ready_chunks(AT_ONCE));
    let (pings, mut due) = mpsc::channel(1);
    let mut silent = pin!(silence(hearing, room.limits.silence, Some(pings)));
    loop {
        let messages = tokio::select! {
            Some(()) = due.recv() => vec![Message::Ping(Vec::new().into())],
            events = events.next() => match frames(events, with_cursor) {
                Ok(frames) => {
                    for frame in &frames {
                        largest.record(size(frame));
                    }
                    room.metrics.events_delivered(LiveProtocol::PlainWebSocket, frames.len() as u64);
                    frames
                }
                Err(reason) => return closed(reason),
            },
            () = &mut silent => {
                return (Reason::Silent, Some(close_code::POLICY));
            }
        };
        let told = tokio::select! {
            told = deliver(sink, messages) => told,
            reason = dismissal.disconnected() => return closed(reason),
            () = &mut silent => return (Reason::Silent, None),
        };
        if told.is_err() {
            return (Reason::Disconnected, None);
        }
    }
}

/// How a client that was dismissed is closed: it may come back.
fn closed(reason: DisconnectReason) -> (Reason, Option<u16>) {
    let reason = match reason {
        DisconnectReason::SlowConsumer => Reason::Overloaded,
        DisconnectReason::FeedReplaced => Reason::Replaced,
    };
    (reason, Some(close_code::AGAIN))
}

/// The frames of some events. The stream of events ends only after the reason of a dismissal.
fn frames(
    events: Option<Vec<Result<Delivery, DisconnectReason>>>,
    with_cursor: bool,
) -> Result<Vec<Message>, DisconnectReason> {
    let frame = |told: Delivery| told.event.frame(with_cursor, frame::write);
    events
        .ok_or(DisconnectReason::SlowConsumer)?
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

/// Waits until a client has sent no pong for too long: a third longer than one of GraphQL may be silent, since it is
/// pinged at two thirds of that and only a pong counts. Says when to ping, unless a ping waits already.
async fn silence(
    hearing: watch::Receiver<Instant>,
    limit: Duration,
    pings: Option<mpsc::Sender<()>>,
) {
    let mut heartbeat = Heartbeat::new(Instant::now(), limit * 2 / 3, limit * 4 / 3);
    loop {
        let heard = *hearing.borrow();
        match heartbeat.due(Instant::now(), heard) {
            Some(Beat::Silence) => return,
            Some(Beat::Ping) => {
                let _ = pings.as_ref().map(|pings| pings.try_send(()));
            }
            None => sleep_until(heartbeat.next(heard)).await,
        }
    }
}
