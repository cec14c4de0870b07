//! The parts that all WebSocket sessions share: the socket, its deadlines, its flushes and the
//! shutdown signal.
//!
//! A peer that does not read blocks only the sending side.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{
    activity::Activity,
    close::SocketEnd,
    deadlines::{Deadline, Deadlines},
    handshake::Socket,
};
use crate::{
    observer::CloseReason,
    policy::{drain::Drain, limits::Limits},
};

/// Size of the unsent pongs at which reading stops, in bytes.
const MAX_UNSENT_PONGS: usize = 16 * 1024;

/// Pending while the session runs; ready with how it ends.
pub(super) type PollSession = Poll<Result<Infallible, SocketEnd>>;

/// A WebSocket and its timers.
pub(super) struct Connection {
    socket: Socket,
    pub(super) deadlines: Deadlines,
    timer: Pin<Box<Sleep>>,
    /// Ready when the connection should close. A set polls a future only after it was woken.
    departure: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Connection {
    pub(super) fn new(
        socket: Socket,
        deadlines: Deadlines,
        drain: &Drain,
        limits: &Limits,
    ) -> Self {
        let next = deadlines.next(socket.get_ref().activity(), limits);
        Self {
            socket,
            deadlines,
            timer: Box::pin(sleep_until(next)),
            departure: std::iter::once(drain.departure().boxed()).collect(),
        }
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }

    pub(super) fn activity(&self) -> Activity {
        self.socket.get_ref().activity()
    }

    /// Whether the peer does not accept data at the moment.
    pub(super) fn is_blocked(&self) -> bool {
        self.activity().blocked_since.is_some()
    }

    /// Returns `true` once, when the connection should close because the server is shutting down.
    pub(super) fn poll_departure(&mut self, cx: &mut Context<'_>) -> bool {
        self.departure.poll_next_unpin(cx) == Poll::Ready(Some(()))
    }

    /// Reads the next message; never a close frame. Waits while the peer sends pings without
    /// reading the pongs.
    pub(super) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Message, SocketEnd>> {
        if self.socket.get_ref().unsent_pongs() > MAX_UNSENT_PONGS {
            ready!(self.poll_flush(cx))?;
        }
        let received = ready!(self.socket.poll_next_unpin(cx));
        Poll::Ready(match received {
            Some(Ok(Message::Close(_))) => Err(SocketEnd::PeerClosed),
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(SocketEnd::of_read_error(&error)),
            None => Err(gone()),
        })
    }

    /// Sends frames, and empties the buffer. If the peer does not accept them all, the rest is
    /// flushed later.
    pub(super) fn send(
        &mut self,
        cx: &mut Context<'_>,
        frames: &mut Vec<u8>,
    ) -> Result<(), SocketEnd> {
        let sent = self.socket.get_mut().send(cx, frames);
        frames.clear();
        sent.map_err(|_| gone())
    }

    /// Waits until the peer has accepted everything that was sent.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketEnd>> {
        let stream = self.socket.get_mut();
        stream.poll_unsent(cx).map_err(|_| gone())
    }

    /// Returns a deadline that has passed. Call until it returns `None`.
    pub(super) fn due(&mut self, activity: Activity, limits: &Limits) -> Option<Deadline> {
        self.deadlines.due(Instant::now(), activity, limits)
    }

    /// Wakes the session at its next deadline.
    pub(super) fn set_timer(&mut self, cx: &mut Context<'_>, activity: Activity, limits: &Limits) {
        let next = self.deadlines.next(activity, limits);
        // A timer that fires too early is cheaper than a reset for each message.
        if next < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

fn gone() -> SocketEnd {
    SocketEnd::Gone(CloseReason::Disconnected)
}
