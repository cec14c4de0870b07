//! One GraphQL WebSocket session, of the subprotocol `graphql-transport-ws` or `graphql-ws`.
//!
//! Reading, operations and writing are polled in one task and do not wait for each other: a peer
//! that does not read blocks neither the reading of its messages nor its operations, which may
//! hold resources that others wait for.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::Poll,
};

use async_graphql::ServerError;
use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, BoxFuture},
    stream::FuturesUnordered,
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{
    ConnectedClient,
    close::{self, CloseCode, SocketEnd},
    connection::{Connection, PollSession},
    deadlines::{Deadline, Deadlines},
    handshake::Socket,
    subprotocol::Subprotocol,
    subscription::{ActiveSubscription, ActiveSubscriptions, OperationKey, SubscriptionItem},
    writers::{self, PollContext},
};
use crate::{
    context::TransportContext,
    observer::CloseReason,
    policy::{connections::ConnectionPermit, limits::Limits},
    service::{End, Reply, Service, SubscriptionStream},
};

/// One GraphQL WebSocket session.
pub(super) struct Session<S: Service> {
    pub(super) context: Arc<TransportContext<S>>,
    pub(super) connection: Connection,
    pub(super) subprotocol: Subprotocol,
    /// The credentials of the handshake.
    pub(super) authorization: Option<String>,
    pub(super) permit: ConnectionPermit,
    /// `None` until the client is authenticated.
    pub(super) viewer: Option<S::Viewer>,
    /// Operations by id.
    pub(super) active: HashMap<String, ActiveOperation>,
    pub(super) generations: u64,
    /// Queries, mutations, and subscriptions that have not started. They run even if the peer does
    /// not read, because they may hold resources that others wait for.
    pub(super) calls: FuturesUnordered<BoxFuture<'static, Option<FinishedCall>>>,
    /// Running subscriptions, polled only while the peer reads.
    pub(super) streams: ActiveSubscriptions,
    /// Frames to send before those of subscriptions.
    pub(super) replies: VecDeque<Message>,
    /// Total size of `replies`, in bytes.
    pub(super) unsent: usize,
}

/// An operation that occupies its id.
pub(super) struct ActiveOperation {
    pub(super) generation: u64,
    /// Aborts the call; `None` for a subscription that has started.
    pub(super) call: Option<AbortHandle>,
}

/// A finished query or mutation, or a started subscription.
pub(super) struct FinishedCall {
    pub(super) key: OperationKey,
    pub(super) result: Result<CallResult, Vec<ServerError>>,
}

/// The result of an operation that was not rejected.
pub(super) enum CallResult {
    /// The reply to a query or mutation.
    Reply(Reply),
    /// The events of a subscription.
    Subscription(SubscriptionStream),
}

impl<S: Service> Session<S> {
    pub(super) fn new(
        context: Arc<TransportContext<S>>,
        socket: Socket,
        subprotocol: Subprotocol,
        authorization: Option<String>,
        permit: ConnectionPermit,
    ) -> Self {
        let now = Instant::now();
        let limits = &context.limits;
        let deadlines = Deadlines::new(now, limits).require_init(now, limits);
        Self {
            connection: Connection::new(socket, deadlines, &context.drain, limits),
            context,
            subprotocol,
            authorization,
            permit,
            viewer: None,
            active: HashMap::new(),
            generations: 0,
            calls: FuturesUnordered::new(),
            streams: ActiveSubscriptions::default(),
            replies: VecDeque::new(),
            unsent: 0,
        }
    }

    /// Runs until either side ends the session. The future is small, because the session is not
    /// part of it.
    pub(super) fn run(self) -> impl Future<Output = ()> + Send + use<S> {
        let context = Arc::clone(&self.context);
        let client = ConnectedClient::new(&context.observer, self.subprotocol.protocol());
        let running = context.writers.start(self, &context.tasks);
        let closing = running.map(|(session, end)| session.finish(end).boxed());
        async move {
            closing.await.await;
            drop(client);
        }
    }

    /// Closes the socket. Everything else of the session ends immediately.
    fn finish(mut self, end: SocketEnd) -> impl Future<Output = ()> + Send + use<S> {
        let mut reason = end.reason();
        if reason == CloseReason::IdleTimeout {
            reason = self.subscription_end_reason().unwrap_or(reason);
        }
        for active in self.active.values() {
            if active.call.is_none() {
                self.observe_close(reason);
            }
        }
        let Self {
            context,
            connection,
            replies,
            permit,
            ..
        } = self;
        let socket = connection.into_socket();
        async move {
            close::finish(socket, end, replies, &context.limits).await;
            drop(permit);
        }
    }

    fn check_deadlines(&mut self) -> Result<(), SocketEnd> {
        let limits = &self.context.limits;
        while let Some(deadline) = self.connection.due(self.connection.activity(), limits) {
            match deadline {
                Deadline::Drain => return Err(SocketEnd::going_away()),
                Deadline::Idle => return Err(SocketEnd::Gone(CloseReason::IdleTimeout)),
                Deadline::Init => {
                    let message = "Connection initialisation timeout";
                    return Err(SocketEnd::close(CloseCode::InitTimeout, message));
                }
                // A ping would wait behind the frames that the peer does not accept.
                Deadline::Ping if self.connection.is_blocked() => {}
                Deadline::Ping => {
                    self.replies.push_back(Message::Ping(bytes::Bytes::new()));
                    if self.subprotocol == Subprotocol::Legacy && self.viewer.is_some() {
                        let keep_alive = Message::text(Subprotocol::keep_alive());
                        self.replies.push_back(keep_alive);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether reading stops because too many replies are unsent.
    pub(super) fn is_full(&self) -> bool {
        self.replies.len() >= self.context.limits.pending_replies
    }

    fn finish_call(&mut self, FinishedCall { key, result }: FinishedCall) {
        let Some(active) = self.active.get_mut(&key.id) else {
            return;
        };
        if active.generation != key.generation {
            return;
        }
        match result {
            Ok(CallResult::Subscription(events)) => {
                active.call = None;
                self.streams.push(ActiveSubscription::new(key, events));
            }
            Ok(CallResult::Reply(reply)) => {
                self.active.remove(&key.id);
                self.reply(Subprotocol::next(&key.prefix, &reply.body));
                self.reply(Subprotocol::complete(&key.id));
            }
            Err(errors) => {
                self.active.remove(&key.id);
                self.reply(self.subprotocol.error(&key.id, &errors));
            }
        }
    }

    /// Reports the end of a subscription to the observer.
    pub(super) fn observe_close(&self, reason: CloseReason) {
        self.context
            .observer
            .subscription_closed(self.subprotocol.protocol(), reason);
    }

    /// Queues a message.
    pub(super) fn reply(&mut self, text: String) {
        self.unsent += text.len();
        self.replies.push_back(Message::text(text));
    }

    /// Returns why a subscription of a client that did not read has ended, if one has. The end of
    /// such a subscription is not polled while the client does not read.
    fn subscription_end_reason(&mut self) -> Option<CloseReason> {
        let tries = self.active.len() * 2;
        (0..tries).find_map(|_| match self.streams.next().now_or_never().flatten() {
            Some((_, SubscriptionItem::Ended(End::Overloaded))) => Some(CloseReason::Overloaded),
            Some((_, SubscriptionItem::Ended(End::Replaced))) => Some(CloseReason::Replaced),
            _ => None,
        })
    }
}

impl<S: Service> writers::Session for Session<S> {
    fn poll(&mut self, cx: &mut PollContext<'_>) -> PollSession {
        let is_draining = self.connection.deadlines.is_draining();
        if !is_draining && self.connection.poll_departure(&mut cx.task) {
            let limits = &self.context.limits;
            self.connection.deadlines.drain(Instant::now(), limits);
        }
        // Read before the deadlines are checked, so that data that arrived in time counts. A
        // draining session starts no new operations.
        if !self.connection.deadlines.is_draining() {
            let _ = self.poll_reader(&mut cx.task)?;
        }
        self.check_deadlines()?;
        while let Poll::Ready(Some(call)) = self.calls.poll_next_unpin(&mut cx.task) {
            if let Some(call) = call {
                self.finish_call(call);
            }
        }
        if self.unsent > self.context.limits.unsent_bytes && self.replies.len() > 1 {
            return Poll::Ready(Err(SocketEnd::overloaded()));
        }
        let _ = self.poll_writer(cx)?;
        if self.connection.deadlines.is_draining() && self.calls.is_empty() {
            return Poll::Ready(Err(SocketEnd::going_away()));
        }
        let activity = self.connection.activity();
        self.connection
            .set_timer(&mut cx.task, activity, &self.context.limits);
        Poll::Pending
    }

    fn put_frame(&mut self, cx: &mut PollContext<'_>) -> Result<bool, SocketEnd> {
        self.put_next_frame(cx)
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn limits(&self) -> &Limits {
        &self.context.limits
    }
}
