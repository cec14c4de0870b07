//! The reading half of a session: what each message of its client does.
//!
//! Invariant: messages take effect in the order in which they came, and none waits for what another
//! one started. Polled by its session.

use std::{
    borrow::Cow,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable},
};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use super::{
    close::{CloseCode, Ending},
    dialect::{Credential, Dialect, Said},
    live::Tag,
    session::{Active, Answer, Called, Session, closing},
};
use crate::{
    document::Operation,
    document::params::Params,
    fault::Fault,
    observer::{Kind, Reason},
    service::Service,
};

/// Messages read in one go before the rest of the session gets its turn.
const READS: usize = 32;

impl<S: Service> Session<S> {
    /// Reads until nothing more is there.
    pub(super) fn poll_reader(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
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
        let service = &self.room.service;
        let viewer = match (credential, self.authorization.as_deref()) {
            (Credential::Malformed, _) => Err(Fault::unauthenticated(
                "the payload must have one `authorization`, a string",
            )),
            (Credential::Value(value), _) => service.authenticate(Some(&value)),
            (Credential::Absent(_), Some(value)) => service.authenticate(Some(value)),
            (Credential::Absent(other), None) => service
                .authenticate(None)
                .map_err(|fault| with_wanted_key(fault, other.as_deref())),
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
            if let Some(ending) = self.introduce(Credential::Absent(None)) {
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
        if let Err(fault) = self.room.service.admit(self.seat.address()) {
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
        self.launch(id, operation, viewer);
        None
    }

    /// Lets an operation run beside the others.
    fn launch(&mut self, id: String, operation: Operation, viewer: S::Viewer) {
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
    }

    fn stop(&mut self, id: &str) {
        if let Some(active) = self.active.remove(id) {
            active.abort.abort();
            if active.started {
                self.closed(Reason::Unsubscribed);
            }
        }
    }
}

/// Says where a token would have been read, to a client that sent none or put it elsewhere.
fn with_wanted_key(mut fault: Fault, other: Option<&str>) -> Fault {
    // A close frame has room for 123 bytes.
    let instead = other
        .filter(|key| key.len() <= 20)
        .map(|key| format!(", not {key:?}"))
        .unwrap_or_default();
    fault.message = format!(
        "{}: send {{\"authorization\": \"Bearer …\"}} as the payload{instead}",
        fault.message
    )
    .into();
    fault
}

/// What the library could not read.
fn failed(error: &Error) -> Ending {
    match fault_of(error) {
        Some((code, reason)) => closing(code, reason),
        None => Ending::Gone(Reason::Disconnected),
    }
}

/// What the peer did wrong, if it did not just go.
fn fault_of(error: &Error) -> Option<(CloseCode, &'static str)> {
    Some(match error {
        Error::Capacity(_) => (CloseCode::TooBig, "Message too big"),
        Error::Utf8(_) => (CloseCode::NotText, "Messages are UTF-8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        Error::Protocol(_) => (CloseCode::Protocol, "Not a WebSocket frame"),
        _ => return None,
    })
}

/// The close code for what a WebSocket's peer sent, if that was no message; `None` if it just went. For sockets that an
/// application has besides, whose errors wrap the library's.
pub fn close_code(error: &(dyn std::error::Error + 'static)) -> Option<u16> {
    let mut errors = std::iter::successors(Some(error), |error| error.source());
    let error = errors.find_map(|error| error.downcast_ref::<Error>())?;
    fault_of(error).map(|(code, _)| code as u16)
}
