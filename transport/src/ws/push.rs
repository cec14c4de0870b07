//! WebSockets that only send: one stream of text frames to each client.
//!
//! Messages from clients are ignored. Only a pong counts as activity, so a client that sends but
//! does not answer pings is closed after the idle timeout.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::response::Response;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use http::request::Parts;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_util::task::TaskTracker;

use super::{
    ConnectedClient,
    activity::Activity,
    close::{self, CloseCode, SocketEnd},
    connection::{Connection, PollSession},
    deadlines::{Deadline, Deadlines},
    frame,
    handshake::Handshake,
    writers::{self, PollContext, Writers},
};
use crate::{
    error::RequestError,
    observer::{CloseReason, Observer, Protocol},
    policy::{
        connections::{ClientAddress, ConnectionLimiter},
        credentials::bearer_subprotocol,
        drain::Drain,
        limits::Limits,
    },
    service::End,
};

/// Messages read before the other parts of the session are polled.
const MAX_READS: usize = 32;

/// Accepts WebSockets that only send.
#[derive(Clone)]
pub struct PushServer {
    /// Limits of the sockets. Set [`Limits::heartbeat_interval`] and [`Limits::idle_timeout`] for
    /// clients that answer pings and otherwise send nothing.
    pub limits: Limits,
    /// Counts the sockets, with those of other transports if it is shared.
    pub connections: ConnectionLimiter,
    /// Closes the sockets on shutdown.
    pub drain: Drain,
    /// Runs the sockets, so that a shutdown can wait for them.
    pub tasks: TaskTracker,
    /// Sends the events of the sockets, with those of other transports if it is shared.
    pub writers: Writers,
    /// Receives the events of the sockets, as [`Protocol::Ws`].
    pub observer: Arc<dyn Observer>,
}

impl PushServer {
    /// Accepts a WebSocket and sends `frames` until the stream ends.
    ///
    /// `ended` completes when the client gets no more frames because it is too slow or its events
    /// were replaced. It is polled while the peer accepts no data and `frames` therefore is not.
    ///
    /// # Errors
    ///
    /// The server is shutting down, or the limit of connections is reached.
    pub fn accept(
        &self,
        parts: &Parts,
        handshake: Handshake,
        frames: impl Stream<Item = Result<Utf8Bytes, End>> + Send + 'static,
        ended: impl Future<Output = End> + Send + 'static,
    ) -> Result<Response, RequestError> {
        self.drain.check()?;
        let address = ClientAddress::of(&parts.extensions);
        let permit = self.connections.acquire(address, &self.limits)?;
        // Browsers require one of the offered subprotocols in the response.
        let (response, opening) = handshake.accept(bearer_subprotocol(&parts.headers));
        let (server, frames, ended) = (self.clone(), frames.boxed(), ended.boxed());
        self.tasks.spawn(async move {
            if let Some(socket) = Box::pin(opening.open(&server.limits)).await {
                let now = Instant::now();
                let deadlines = Deadlines::new(now, &server.limits);
                let session = PushSession {
                    connection: Connection::new(socket, deadlines, &server.drain, &server.limits),
                    frames,
                    ended,
                    last_pong: now,
                    is_ping_due: false,
                    server,
                };
                session.run().await;
            }
            drop(permit);
        });
        Ok(response)
    }
}

/// One WebSocket that only sends.
struct PushSession {
    server: PushServer,
    connection: Connection,
    frames: BoxStream<'static, Result<Utf8Bytes, End>>,
    ended: BoxFuture<'static, End>,
    last_pong: Instant,
    is_ping_due: bool,
}

impl PushSession {
    /// Runs until either side ends the session.
    fn run(self) -> impl Future<Output = ()> + Send {
        let client = ConnectedClient::new(&self.server.observer, Protocol::Ws);
        let (writers, tasks) = (self.server.writers.clone(), self.server.tasks.clone());
        let running = writers.start(self, &tasks);
        let closing = running.map(|(session, end)| session.finish(end).boxed());
        async move {
            closing.await.await;
            drop(client);
        }
    }

    /// Closes the socket. Events that were not sent are dropped now, not when the client has left.
    fn finish(self, end: SocketEnd) -> impl Future<Output = ()> + Send {
        let Self {
            server, connection, ..
        } = self;
        let observer = &server.observer;
        observer.subscription_closed(Protocol::Ws, end.reason());
        let socket = connection.into_socket();
        async move { close::finish(socket, end, [], &server.limits).await }
    }

    fn activity(&self) -> Activity {
        Activity {
            last_read: self.last_pong,
            ..self.connection.activity()
        }
    }

    fn poll_reader(&mut self, cx: &mut Context<'_>) -> PollSession {
        for _ in 0..MAX_READS {
            if let Message::Pong(_) = ready!(self.connection.poll_message(cx))? {
                self.last_pong = Instant::now();
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl writers::Session for PushSession {
    fn poll(&mut self, cx: &mut PollContext<'_>) -> PollSession {
        if self.connection.poll_departure(&mut cx.task) {
            return Poll::Ready(Err(SocketEnd::going_away()));
        }
        let _ = self.poll_reader(&mut cx.task)?;
        while let Some(deadline) = self.connection.due(self.activity(), &self.server.limits) {
            let is_blocked = self.connection.is_blocked();
            match deadline {
                // A ping would wait behind the frames that the peer does not accept.
                Deadline::Ping => self.is_ping_due = !is_blocked,
                _ if is_blocked => {
                    return Poll::Ready(Err(SocketEnd::Gone(CloseReason::IdleTimeout)));
                }
                _ => {
                    let message = "No pong received";
                    let end = SocketEnd::close(CloseCode::PolicyViolation, message);
                    return Poll::Ready(Err(end));
                }
            }
        }
        let _ = self.poll_writer(cx)?;
        if self.connection.is_blocked()
            && let Poll::Ready(end) = self.ended.poll_unpin(&mut cx.task)
        {
            return Poll::Ready(Err(session_end(end)));
        }
        let activity = self.activity();
        self.connection
            .set_timer(&mut cx.task, activity, &self.server.limits);
        Poll::Pending
    }

    fn put_frame(&mut self, cx: &mut PollContext<'_>) -> Result<bool, SocketEnd> {
        if std::mem::take(&mut self.is_ping_due) {
            frame::put_ping(cx.frames);
            return Ok(true);
        }
        match self.frames.poll_next_unpin(&mut cx.events) {
            Poll::Pending => Ok(false),
            Poll::Ready(Some(Ok(text))) => {
                self.server.observer.event_delivered(Protocol::Ws, 0);
                frame::put_text(cx.frames, &[text.as_bytes()]);
                Ok(true)
            }
            Poll::Ready(Some(Err(end))) => Err(session_end(end)),
            Poll::Ready(None) => Err(session_end(End::Complete)),
        }
    }

    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn limits(&self) -> &Limits {
        &self.server.limits
    }
}

fn session_end(end: End) -> SocketEnd {
    SocketEnd::of_subscription(end).unwrap_or_else(|| SocketEnd::close(CloseCode::Normal, ""))
}

impl std::fmt::Debug for PushServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushServer")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
