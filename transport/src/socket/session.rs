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
    future::{AbortHandle, Abortable, BoxFuture},
    stream::{FuturesUnordered, SelectAll},
};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use super::{
    Socket,
    close::{self, CloseCode, Ending},
    dialect::{Credential, Dialect, Said},
    live::{Live, Lived, Tag},
    pulse::{Due, Pulse},
};
use crate::{
    fault::Fault,
    observer::{Kind, Reason},
    params::Params,
    room::Room,
    service::{Reply, Service, Subscription},
};

/// Messages read in one go before the rest of the session gets its turn.
const READS: usize = 32;

/// A session.
pub(super) struct Session<S: Service> {
    pub(super) room: Arc<Room<S>>,
    pub(super) socket: Socket,
    pub(super) dialect: Dialect,
    /// What the handshake said of who it is.
    authorization: Option<String>,
    /// `None` until the client has introduced itself.
    viewer: Option<S::Viewer>,
    /// By id.
    pub(super) active: HashMap<String, Active>,
    turns: u64,
    /// Queries, mutations and subscriptions that have not started yet. They run whether or not
    /// the peer takes anything, since they may hold what others wait for.
    calls: FuturesUnordered<BoxFuture<'static, Option<Called>>>,
    /// Running subscriptions, polled only while the peer takes what they yield.
    pub(super) streams: SelectAll<Live>,
    /// Frames to be written before anything of a subscription.
    pub(super) replies: VecDeque<Message>,
    /// Their size.
    pub(super) unsent: usize,
    /// Frames handed over since the last flush.
    pub(super) fed: usize,
    pulse: Pulse,
    timer: Pin<Box<Sleep>>,
    departure: BoxFuture<'static, ()>,
}

/// An operation that occupies its id.
pub(super) struct Active {
    pub(super) turn: u64,
    abort: AbortHandle,
    /// Whether it is a subscription that has started.
    started: bool,
}

struct Called {
    tag: Tag,
    result: Result<Answer, Vec<ServerError>>,
}

enum Answer {
    Once(Reply),
    Stream(Subscription),
}

impl<S: Service> Session<S> {
    pub(super) fn new(
        room: Arc<Room<S>>,
        socket: Socket,
        dialect: Dialect,
        authorization: Option<String>,
    ) -> Self {
        let now = Instant::now();
        let pulse = Pulse::new(now, &room.limits);
        Self {
            timer: Box::pin(sleep_until(pulse.next(socket.get_ref(), &room.limits))),
            departure: room.drain.departure().boxed(),
            room,
            socket,
            dialect,
            authorization,
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
        if reason == Reason::Silent && self.is_overloaded() {
            reason = Reason::Overloaded;
        }
        for active in self.active.values() {
            if active.started {
                room.observer.subscriber_closed(protocol, reason);
            }
        }
        let Self {
            socket, replies, ..
        } = self;
        close::finish(socket, ending, replies, &room.limits).await;
        room.observer.client_departed(protocol);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if self.departure.poll_unpin(cx).is_ready() {
            return Poll::Ready(closing(CloseCode::GoingAway, "Going away"));
        }
        if let Some(ending) = self.poll_pulse(cx) {
            return Poll::Ready(ending);
        }
        if let Poll::Ready(ending) = self.poll_reader(cx) {
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
        if was_full && !self.is_full() {
            // The reader waits for nothing else.
            cx.waker().wake_by_ref();
        }
        self.arm(cx);
        Poll::Pending
    }

    /// What is due by the clock.
    fn poll_pulse(&mut self, cx: &mut Context<'_>) -> Option<Ending> {
        let now = Instant::now();
        let limits = &self.room.limits;
        while let Some(due) = self.pulse.due(now, self.socket.get_ref(), limits) {
            match due {
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
        self.arm(cx);
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
    fn is_full(&self) -> bool {
        self.replies.len() >= self.room.limits.replies_per_socket
    }

    fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        for _ in 0..READS {
            if self.is_full() {
                return Poll::Pending;
            }
            let Poll::Ready(received) = self.socket.poll_next_unpin(cx) else {
                return Poll::Pending;
            };
            let ending = match received {
                Some(Ok(Message::Text(text))) => match self.dialect.read(&text) {
                    Ok(said) => self.hear(said),
                    Err(reason) => Some(closing(CloseCode::BadRequest, reason)),
                },
                Some(Ok(Message::Binary(_))) => {
                    Some(closing(CloseCode::BadRequest, "Messages are text"))
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
                Some(Ok(Message::Close(_))) => Some(Ending::PeerClosed),
                Some(Err(error)) => Some(failed(&error)),
                None => Some(Ending::Gone(Reason::Disconnected)),
            };
            if let Some(ending) = ending {
                return Poll::Ready(ending);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn hear(&mut self, said: Said) -> Option<Ending> {
        match said {
            Said::Init(_) if self.viewer.is_some() => {
                let reason = "Too many initialisation requests";
                Some(closing(CloseCode::SecondInit, reason))
            }
            Said::Init(credential) => self.introduce(credential),
            Said::Ping(payload) => {
                self.reply(Dialect::pong(payload));
                None
            }
            Said::Pong => None,
            Said::Start(id, params) => self.start(id, params),
            Said::Stop(id) => {
                self.stop(&id);
                None
            }
            Said::Terminate => Some(closing(CloseCode::Normal, "")),
        }
    }

    /// The payload's token wins over the handshake's.
    fn introduce(&mut self, credential: Credential) -> Option<Ending> {
        let viewer = match credential {
            Credential::Malformed => Err(Fault::unauthenticated("the token must be a string")),
            Credential::Value(value) => self.room.service.authenticate(Some(&value)),
            Credential::Absent => {
                let value = self.authorization.as_deref();
                self.room.service.authenticate(value)
            }
        };
        match viewer {
            Ok(viewer) => {
                self.viewer = Some(viewer);
                self.pulse.initialised();
                self.reply(Dialect::acknowledged());
                if self.dialect == Dialect::Legacy {
                    self.reply(Dialect::keep_alive());
                }
                None
            }
            Err(fault) => {
                if self.dialect == Dialect::Legacy {
                    self.reply(Dialect::refused(&fault.message));
                }
                Some(Ending::Close(CloseCode::Forbidden, fault.message))
            }
        }
    }

    fn start(&mut self, id: String, params: Params) -> Option<Ending> {
        if self.viewer.is_none() && self.dialect == Dialect::Legacy {
            // That protocol lets operations come without an introduction.
            if let Some(ending) = self.introduce(Credential::Absent) {
                return Some(ending);
            }
        }
        let Some(viewer) = self.viewer.clone() else {
            return Some(closing(CloseCode::Unauthorized, "Unauthorized"));
        };
        if self.active.contains_key(&id) {
            if self.dialect == Dialect::Modern {
                let reason = format!("Subscriber for {id} already exists");
                return Some(Ending::Close(CloseCode::DuplicateId, Cow::Owned(reason)));
            }
            self.stop(&id);
        }
        if self.active.len() >= self.room.limits.operations_per_socket {
            let fault = Fault::rate_limited("too many operations run on this socket", 1);
            self.reply(self.dialect.error(&id, &[fault.error()]));
            return None;
        }
        let operation = match self.room.prepare(params) {
            Ok(operation) => operation,
            Err(rejection) => {
                self.reply(self.dialect.error(&id, &rejection.errors));
                return None;
            }
        };
        self.turns += 1;
        let tag = Tag {
            prefix: self.dialect.next_prefix(&id),
            turn: self.turns,
            id: id.clone(),
        };
        let (abort, registration) = AbortHandle::new_pair();
        let active = Active {
            turn: tag.turn,
            abort,
            started: false,
        };
        self.active.insert(id, active);
        let room = Arc::clone(&self.room);
        let call = async move {
            let result = match operation.kind {
                Kind::Subscription => room.subscribe(operation, viewer).await.map(Answer::Stream),
                Kind::Query | Kind::Mutation => {
                    let reply = room.execute(operation, viewer).await;
                    if reply.refusal.is_empty() {
                        Ok(Answer::Once(reply))
                    } else {
                        Err(reply.refusal)
                    }
                }
            };
            Called { tag, result }
        };
        self.calls
            .push(Abortable::new(call, registration).map(Result::ok).boxed());
        None
    }

    fn stop(&mut self, id: &str) {
        if let Some(active) = self.active.remove(id) {
            active.abort.abort();
            if active.started {
                self.closed(Reason::Unsubscribed);
            }
        }
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

    fn reply(&mut self, text: String) {
        self.unsent += text.len();
        self.replies.push_back(Message::text(text));
    }

    /// Whether a subscription had given its client up before the connection was.
    fn is_overloaded(&mut self) -> bool {
        let behind = self.active.len() * 2;
        (0..behind).any(|_| {
            let polled = self.streams.next().now_or_never().flatten();
            matches!(polled, Some((_, Lived::Overloaded)))
        })
    }
}

fn closing(code: CloseCode, reason: &'static str) -> Ending {
    Ending::Close(code, Cow::Borrowed(reason))
}

/// What the library could not read.
fn failed(error: &Error) -> Ending {
    match error {
        Error::Capacity(_) => closing(CloseCode::TooBig, "Message too big"),
        Error::Utf8(_) => closing(CloseCode::NotText, "Messages are UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Ending::Gone(Reason::Disconnected)
        }
        Error::Protocol(_) => closing(CloseCode::Protocol, "Not a WebSocket frame"),
        _ => Ending::Gone(Reason::Disconnected),
    }
}
