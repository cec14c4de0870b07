//! One WebSocket: what its client says, and what runs for it.
//!
//! Invariant: reading, running and writing are polled side by side in one task and wait for
//! nothing but their own: a peer that takes nothing stops neither the reading of its messages nor
//! the operations that hold something others want. Spawned by the upgrade.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_graphql::ServerError;
use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, BoxFuture},
    stream::{FuturesUnordered, SelectAll},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Socket,
    close::{self, CloseCode, Ending},
    dialect::Dialect,
    live::{Live, Lived, Tag},
    pulse::{Due, Pulse},
};
use crate::{
    context::Room,
    observer::Reason,
    policy::connections::Seat,
    service::{End, Reply, Service, Subscription},
};

/// A session.
pub(super) struct Session<S: Service> {
    pub(super) room: Arc<Room<S>>,
    pub(super) socket: Socket,
    pub(super) dialect: Dialect,
    /// What the handshake said of who it is.
    pub(super) authorization: Option<String>,
    /// Counts it, and knows whose it is.
    pub(super) seat: Seat,
    /// `None` until the client has introduced itself.
    pub(super) viewer: Option<S::Viewer>,
    /// By id.
    pub(super) active: HashMap<String, Active>,
    pub(super) turns: u64,
    /// Queries, mutations and subscriptions that have not started yet. They run whether or not
    /// the peer takes anything, since they may hold what others wait for.
    pub(super) calls: FuturesUnordered<BoxFuture<'static, Option<Called>>>,
    /// Running subscriptions, polled only while the peer takes what they yield.
    pub(super) streams: SelectAll<Live>,
    /// Frames to be written before anything of a subscription.
    pub(super) replies: VecDeque<Message>,
    /// Their size.
    pub(super) unsent: usize,
    /// Frames handed over since the last flush.
    pub(super) fed: usize,
    pub(super) pulse: Pulse,
    timer: Pin<Box<Sleep>>,
    /// When to leave: in a set, which is cheap to ask, because it polls what has woken only.
    departure: FuturesUnordered<BoxFuture<'static, ()>>,
}

/// An operation that occupies its id.
pub(super) struct Active {
    pub(super) turn: u64,
    pub(super) abort: AbortHandle,
    /// Whether it is a subscription that has started.
    pub(super) started: bool,
}

/// What a call came to.
pub(super) struct Called {
    pub(super) tag: Tag,
    pub(super) result: Result<Answer, Vec<ServerError>>,
}

/// An operation that was not refused.
pub(super) enum Answer {
    /// It is done.
    Once(Reply),
    /// It has begun.
    Stream(Subscription),
}

impl<S: Service> Session<S> {
    pub(super) fn new(
        room: Arc<Room<S>>,
        socket: Socket,
        dialect: Dialect,
        authorization: Option<String>,
        seat: Seat,
    ) -> Self {
        let now = Instant::now();
        let pulse = Pulse::new(now, &room.limits);
        Self {
            timer: Box::pin(sleep_until(pulse.next(socket.get_ref(), &room.limits))),
            departure: std::iter::once(room.drain.departure().boxed()).collect(),
            room,
            socket,
            dialect,
            authorization,
            seat,
            viewer: None,
            active: HashMap::new(),
            turns: 0,
            calls: FuturesUnordered::new(),
            streams: SelectAll::new(),
            replies: VecDeque::new(),
            unsent: 0,
            fed: 0,
            pulse,
        }
    }

    /// Lives until either side has enough.
    pub(super) async fn run(mut self) {
        let room = Arc::clone(&self.room);
        let protocol = self.dialect.protocol();
        room.observer.client_arrived(protocol);
        let ending = poll_fn(|cx| self.poll(cx)).await;
        let mut reason = ending.reason();
        if reason == Reason::Silent {
            reason = self.given_up().unwrap_or(reason);
        }
        for active in self.active.values() {
            if active.started {
                room.observer.subscriber_closed(protocol, reason);
            }
        }
        let Self {
            socket,
            replies,
            seat,
            ..
        } = self;
        // Boxed, so that no session carries the room for its end through its life.
        Box::pin(close::finish(socket, ending, replies, &room.limits)).await;
        drop(seat);
        room.observer.client_departed(protocol);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if !self.pulse.is_leaving() && self.departure.poll_next_unpin(cx) == Poll::Ready(Some(())) {
            self.pulse.leave(Instant::now(), &self.room.limits);
        }
        // Before the clock is asked, so that what arrived in time is heard in time; but nothing
        // new is begun on the way out.
        if !self.pulse.is_leaving()
            && let Poll::Ready(ending) = self.poll_reader(cx)
        {
            return Poll::Ready(ending);
        }
        if let Some(ending) = self.poll_pulse() {
            return Poll::Ready(ending);
        }
        while let Poll::Ready(Some(called)) = self.calls.poll_next_unpin(cx) {
            if let Some(called) = called {
                self.answer(called);
            }
        }
        if self.unsent > self.room.limits.unsent_bytes && self.replies.len() > 1 {
            return Poll::Ready(closing(CloseCode::Overloaded, "Too far behind"));
        }
        let was_full = self.is_full();
        if let Poll::Ready(ending) = self.poll_writer(cx) {
            return Poll::Ready(ending);
        }
        if self.pulse.is_leaving() && self.calls.is_empty() {
            return Poll::Ready(going_away());
        }
        if was_full && !self.is_full() {
            // The reader waits for nothing else.
            cx.waker().wake_by_ref();
        }
        self.arm(cx);
        Poll::Pending
    }

    /// What is due by the clock.
    fn poll_pulse(&mut self) -> Option<Ending> {
        let now = Instant::now();
        let limits = &self.room.limits;
        while let Some(due) = self.pulse.due(now, self.socket.get_ref(), limits) {
            match due {
                Due::Leave => return Some(going_away()),
                Due::Silence => return Some(Ending::Gone(Reason::Silent)),
                Due::Init => {
                    let reason = "Connection initialisation timeout";
                    return Some(closing(CloseCode::InitTimeout, reason));
                }
                // Behind what is stuck already it would only pile up.
                Due::Ping if self.socket.get_ref().blocked.is_some() => {}
                Due::Ping => {
                    self.replies.push_back(Message::Ping(bytes::Bytes::new()));
                    if self.dialect == Dialect::Legacy && self.viewer.is_some() {
                        self.replies.push_back(Message::text(Dialect::keep_alive()));
                    }
                }
            }
        }
        None
    }

    /// Wakes at the next deadline.
    fn arm(&mut self, cx: &mut Context<'_>) {
        let next = self.pulse.next(self.socket.get_ref(), &self.room.limits);
        let armed = self.timer.deadline();
        // Later is as good: it is looked at again then.
        if next < armed || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// Whether so many answers wait that nothing more is read.
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= self.room.limits.replies_per_socket
    }

    /// What an operation came to, or began with.
    fn answer(&mut self, Called { tag, result }: Called) {
        let Some(active) = self.active.get_mut(&tag.id) else {
            return;
        };
        if active.turn != tag.turn {
            return;
        }
        let dialect = self.dialect;
        match result {
            Ok(Answer::Stream(subscription)) => {
                let (abort, registration) = AbortHandle::new_pair();
                active.abort = abort;
                active.started = true;
                self.streams
                    .push(Live::new(Arc::new(tag), subscription, registration));
            }
            Ok(Answer::Once(reply)) => {
                self.active.remove(&tag.id);
                self.reply(super::writer::framed(&tag, &reply.body));
                self.reply(Dialect::complete(&tag.id));
            }
            Err(errors) => {
                self.active.remove(&tag.id);
                self.reply(dialect.error(&tag.id, &errors));
            }
        }
    }

    /// Tells the observer of the end of a subscription.
    pub(super) fn closed(&self, reason: Reason) {
        self.room
            .observer
            .subscriber_closed(self.dialect.protocol(), reason);
    }

    /// Queues a message.
    pub(super) fn reply(&mut self, text: String) {
        self.unsent += text.len();
        self.replies.push_back(Message::text(text));
    }

    /// Why a subscription had given its client up before the connection was, if one had.
    fn given_up(&mut self) -> Option<Reason> {
        let behind = self.active.len() * 2;
        (0..behind).find_map(|_| match self.streams.next().now_or_never().flatten() {
            Some((_, Lived::Ended(End::Overloaded))) => Some(Reason::Overloaded),
            Some((_, Lived::Ended(End::Replaced))) => Some(Reason::Replaced),
            _ => None,
        })
    }
}

fn going_away() -> Ending {
    closing(CloseCode::GoingAway, "Going away")
}

/// An ending by the server.
pub(super) fn closing(code: CloseCode, reason: &'static str) -> Ending {
    Ending::Close(code, Cow::Borrowed(reason))
}
