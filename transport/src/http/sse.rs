//! Server-Sent Events: one operation in each response ("distinct connections" of graphql-sse).
//!
//! `complete` is sent only if a subscription has completed. A client whose stream ends without it
//! should reconnect.

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
    context::{PreparedRequest, TransportContext},
    error::{self, RequestError},
    observer::{CloseReason, Observer, Protocol},
    policy::connections::{ClientAddress, ConnectionPermit},
    service::{End, Item, REPLACED, Service, SubscriptionStream},
};

const COMMENT: &[u8] = b":\n\n";
const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// Events that are ready together are sent in chunks of about this size.
const CHUNK: usize = 16 * 1024;

/// Starts a subscription and streams it.
pub(super) async fn subscribe<S: Service>(
    context: &Arc<TransportContext<S>>,
    request: PreparedRequest<S::Plan>,
    viewer: S::Viewer,
    address: ClientAddress,
) -> Result<Response, RequestError> {
    context.drain.check()?;
    let permit = context.connections.acquire(address, &context.limits)?;
    let subscription = match context.subscribe(request, viewer).await {
        Ok(subscription) => subscription,
        Err(errors) => return Ok(once(&error::error_body(&errors))),
    };
    let interval = context.limits.heartbeat_interval;
    let mut comments = interval_at(Instant::now() + interval, interval);
    comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    context.observer.client_connected(Protocol::Sse);
    let events = EventStream {
        subscription: Some(subscription),
        comments,
        departure: Box::pin(context.drain.departure()),
        observer: Arc::clone(&context.observer),
        started: false,
        _permit: permit,
    };
    Ok(respond(Body::from_stream(
        events.map(Ok::<_, std::convert::Infallible>),
    )))
}

/// Responds with a single event.
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
    // Disables buffering in proxies.
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

/// The body of a response, polled only while the client reads.
struct EventStream {
    /// `None` after its end.
    subscription: Option<SubscriptionStream>,
    comments: Interval,
    departure: BoxFuture<'static, ()>,
    observer: Arc<dyn Observer>,
    started: bool,
    _permit: ConnectionPermit,
}

impl EventStream {
    fn end(&mut self, reason: CloseReason) {
        if self.subscription.take().is_some() {
            self.observer.subscription_closed(Protocol::Sse, reason);
        }
    }

    /// Ends with an error and without `complete`, so that the client may reconnect.
    fn fail(&mut self, text: &mut BytesMut, message: &'static str, reason: CloseReason) {
        put_next(text, None, &RequestError::unavailable(message, 1).body());
        self.end(reason);
    }

    /// Writes the events that are ready to `text`.
    fn write_ready(&mut self, text: &mut BytesMut, cx: &mut Context<'_>) {
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
                    self.end(CloseReason::Complete);
                }
                Item::End(End::Overloaded) => {
                    self.fail(text, "the client is too slow", CloseReason::Overloaded);
                }
                Item::End(End::Replaced) => {
                    self.fail(text, REPLACED, CloseReason::Replaced);
                }
            }
        }
    }
}

impl Stream for EventStream {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.subscription.is_some() && self.departure.as_mut().poll(cx).is_ready() {
            self.end(CloseReason::GoingAway);
        }
        if self.subscription.is_none() {
            return Poll::Ready(None);
        }
        let mut text = BytesMut::new();
        if !self.started {
            // Shows the client immediately that it is connected.
            self.started = true;
            text.put_slice(COMMENT);
        }
        self.write_ready(&mut text, cx);
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
        self.end(CloseReason::Disconnected);
        self.observer.client_disconnected(Protocol::Sse);
    }
}
