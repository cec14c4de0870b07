//! Server-Sent Events, one operation a response (graphql-sse's "distinct connections").
//!
//! Invariant: `complete` is sent if and only if nothing more will ever come, so that a client whose
//! stream ends without it knows to come back. Called for subscriptions, and for clients that take
//! nothing but an event stream.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, future::BoxFuture};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{
    context::Room,
    document::Operation,
    fault::{self, Fault},
    observer::{Observer, Protocol, Reason},
    policy::connections::{ClientAddress, Seat},
    service::{End, Item, REPLACED, Service, Subscription},
};

const COMMENT: &[u8] = b":\n\n";
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// Events that are ready together leave in one chunk of about this size.
const CHUNK: usize = 16 * 1024;

/// Starts a subscription and streams it.
pub(super) async fn subscribe<S: Service>(
    room: &Arc<Room<S>>,
    operation: Operation,
    viewer: S::Viewer,
    address: ClientAddress,
) -> Result<Response, Fault> {
    if room.drain.is_draining() {
        return Err(Fault::unavailable("the server is going away", 1));
    }
    let seat = room.census.admit(address, &room.limits)?;
    let subscription = match room.subscribe(operation, viewer).await {
        Ok(subscription) => subscription,
        Err(errors) => return Ok(once(&fault::error_body(&errors))),
    };
    let heartbeat = room.limits.heartbeat;
    let mut comments = interval_at(Instant::now() + heartbeat, heartbeat);
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    room.observer.client_arrived(Protocol::Sse);
    let events = EventStream {
        subscription: Some(subscription),
        comments,
        departure: Box::pin(room.drain.departure()),
        observer: Arc::clone(&room.observer),
        started: false,
        _seat: seat,
    };
    Ok(respond(Body::from_stream(
        events.map(Ok::<_, std::convert::Infallible>),
    )))
}

/// One response and the end of it.
pub(super) fn once(body: &[u8]) -> Response {
    let mut text = BytesMut::new();
    put_next(&mut text, None, body);
    text.put_slice(COMPLETE);
    respond(Body::from(text.freeze()))
}

fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Asks proxies not to hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn put_next(text: &mut BytesMut, id: Option<&[u8]>, body: &[u8]) {
    text.put_slice(b"event: next");
    if let Some(id) = id {
        text.put_slice(b"\nid: ");
        text.put_slice(id);
    }
    for line in body.split(|&byte| byte == b'\n' || byte == b'\r') {
        text.put_slice(b"\ndata: ");
        text.put_slice(line);
    }
    text.put_slice(b"\n\n");
}

/// The body of a response. It is polled only while the connection takes more.
struct EventStream {
    /// `None` once it has ended.
    subscription: Option<Subscription>,
    comments: Interval,
    departure: BoxFuture<'static, ()>,
    observer: Arc<dyn Observer>,
    started: bool,
    _seat: Seat,
}

impl EventStream {
    fn end(&mut self, reason: Reason) {
        if self.subscription.take().is_some() {
            self.observer.subscriber_closed(Protocol::Sse, reason);
        }
    }

    /// Ends with an error and without `complete`: the client may come back.
    fn fail(&mut self, text: &mut BytesMut, message: &'static str, reason: Reason) {
        put_next(text, None, &Fault::unavailable(message, 1).body());
        self.end(reason);
    }

    /// Moves what is ready into `text`.
    fn take_ready(&mut self, text: &mut BytesMut, cx: &mut Context<'_>) {
        while text.len() < CHUNK
            && let Some(subscription) = &mut self.subscription
            && let Poll::Ready(item) = subscription.poll_next_unpin(cx)
        {
            match item.unwrap_or(Item::End(End::Complete)) {
                Item::Next(event) => {
                    put_next(text, event.id.as_deref(), &event.body);
                    self.observer.event_delivered(Protocol::Sse, event.missed);
                }
                Item::End(End::Complete) => {
                    text.put_slice(COMPLETE);
                    self.end(Reason::Complete);
                }
                Item::End(End::Overloaded) => {
                    self.fail(text, "the client is too far behind", Reason::Overloaded);
                }
                Item::End(End::Replaced) => {
                    self.fail(text, REPLACED, Reason::Replaced);
                }
            }
        }
    }
}

impl Stream for EventStream {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.subscription.is_some() && self.departure.as_mut().poll(cx).is_ready() {
            self.end(Reason::GoingAway);
        }
        if self.subscription.is_none() {
            return Poll::Ready(None);
        }
        let mut text = BytesMut::new();
        if !self.started {
            // The client learns at once that it is connected.
            self.started = true;
            text.put_slice(COMMENT);
        }
        self.take_ready(&mut text, cx);
        while self.comments.poll_tick(cx).is_ready() {
            text.put_slice(COMMENT);
        }
        if text.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Some(text.freeze()))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.end(Reason::Disconnected);
        self.observer.client_departed(Protocol::Sse);
    }
}
