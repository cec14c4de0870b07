//! The receiving side of a GraphQL session.
//!
//! Messages are handled in the order in which they arrive. No message waits for an operation that
//! another one started.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::{
    FutureExt,
    future::{AbortHandle, Abortable},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    close::{CloseCode, SocketEnd},
    connection::PollSession,
    session::{ActiveOperation, CallResult, FinishedCall, Session},
    subprotocol::{ClientMessage, Credential, Subprotocol},
    subscription::OperationKey,
};
use crate::{
    context::PreparedRequest,
    document::params::Params,
    error::RequestError,
    observer::{CloseReason, OperationKind},
    service::Service,
};

/// Messages read before the other parts of the session are polled.
const MAX_READS: usize = 32;

impl<S: Service> Session<S> {
    /// Reads and handles the messages that have arrived.
    pub(super) fn poll_reader(&mut self, cx: &mut Context<'_>) -> PollSession {
        for _ in 0..MAX_READS {
            if self.is_full() {
                return Poll::Pending;
            }
            match ready!(self.connection.poll_message(cx))? {
                Message::Text(text) => {
                    let message = self.subprotocol.parse(&text);
                    let message =
                        message.map_err(|why| SocketEnd::close(CloseCode::BadRequest, why))?;
                    self.handle(message)?;
                }
                Message::Binary(_) => {
                    let why = "Binary messages are not supported";
                    return Poll::Ready(Err(SocketEnd::close(CloseCode::BadRequest, why)));
                }
                _ => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn handle(&mut self, message: ClientMessage) -> Result<(), SocketEnd> {
        match message {
            ClientMessage::Init(_) if self.viewer.is_some() => {
                let why = "Too many initialisation requests";
                return Err(SocketEnd::close(CloseCode::SecondInit, why));
            }
            ClientMessage::Init(credential) => self.authenticate(credential)?,
            ClientMessage::Ping(payload) => self.reply(Subprotocol::pong(payload)),
            ClientMessage::Pong => {}
            ClientMessage::Subscribe(id, params) => self.start(id, params)?,
            ClientMessage::Complete(id) => self.stop(&id),
            ClientMessage::Terminate => return Err(SocketEnd::close(CloseCode::Normal, "")),
        }
        Ok(())
    }

    /// Authenticates the client. Credentials in the payload take precedence over those of the
    /// handshake.
    fn authenticate(&mut self, credential: Credential) -> Result<(), SocketEnd> {
        let service = &self.context.service;
        let viewer = match (credential, self.authorization.as_deref()) {
            (Credential::Malformed, _) => Err(RequestError::unauthenticated(
                "the payload must have one `authorization`, a string",
            )),
            (Credential::Value(value), _) => service.authenticate(Some(&value)),
            (Credential::Absent(_), Some(value)) => service.authenticate(Some(value)),
            (Credential::Absent(other), None) => service
                .authenticate(None)
                .map_err(|error| with_expected_payload(error, other.as_deref())),
        };
        match viewer {
            Ok(viewer) => {
                self.viewer = Some(viewer);
                self.connection.deadlines.initialized();
                self.reply(Subprotocol::connection_ack());
                if self.subprotocol == Subprotocol::Legacy {
                    self.reply(Subprotocol::keep_alive());
                }
                Ok(())
            }
            Err(error) => {
                if self.subprotocol == Subprotocol::Legacy {
                    self.reply(Subprotocol::connection_error(&error.message));
                }
                Err(SocketEnd::close(CloseCode::Forbidden, error.message))
            }
        }
    }

    /// Starts an operation, or replies why it is rejected.
    fn start(&mut self, id: String, params: Params) -> Result<(), SocketEnd> {
        if self.viewer.is_none() && self.subprotocol == Subprotocol::Legacy {
            // The legacy protocol allows operations without `connection_init`.
            self.authenticate(Credential::Absent(None))?;
        }
        let Some(viewer) = self.viewer.clone() else {
            return Err(SocketEnd::close(CloseCode::Unauthorized, "Unauthorized"));
        };
        if self.active.contains_key(&id) {
            if self.subprotocol == Subprotocol::Modern {
                let why = format!("Subscriber for {id} already exists");
                return Err(SocketEnd::close(CloseCode::DuplicateId, why));
            }
            self.stop(&id);
        }
        let prepared = self
            .check_limits()
            .map_err(|error| vec![error.to_server_error()])
            .and_then(|()| {
                let prepared = self.context.prepare(params);
                prepared.map_err(|rejection| rejection.errors)
            });
        match prepared {
            Ok(request) => self.spawn_operation(id, request, viewer),
            Err(errors) => self.reply(self.subprotocol.error(&id, &errors)),
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), RequestError> {
        let limit = self.context.limits.operations_per_socket;
        if self.active.len() >= limit {
            let message = format!("the socket has reached its limit of {limit} operations");
            return Err(RequestError::rate_limited(message, 1));
        }
        self.context.service.admit(self.permit.address())
    }

    /// Runs an operation concurrently with the others.
    fn spawn_operation(
        &mut self,
        id: String,
        request: PreparedRequest<S::Plan>,
        viewer: S::Viewer,
    ) {
        self.generations += 1;
        let key = OperationKey {
            prefix: self.subprotocol.next_prefix(&id),
            generation: self.generations,
            id: id.clone(),
        };
        let (abort, registration) = AbortHandle::new_pair();
        let active = ActiveOperation {
            generation: key.generation,
            call: Some(abort),
        };
        self.active.insert(id, active);
        let context = Arc::clone(&self.context);
        let call = async move {
            let result = match request.operation.kind() {
                OperationKind::Subscription => {
                    let started = context.subscribe(request, viewer).await;
                    started.map(CallResult::Subscription)
                }
                OperationKind::Query | OperationKind::Mutation => {
                    let reply = context.execute(request, viewer).await;
                    if reply.refusal.is_empty() {
                        Ok(CallResult::Reply(reply))
                    } else {
                        Err(reply.refusal)
                    }
                }
            };
            FinishedCall { key, result }
        };
        self.calls
            .push(Abortable::new(call, registration).map(Result::ok).boxed());
    }

    fn stop(&mut self, id: &str) {
        match self.active.remove(id) {
            None => {}
            Some(ActiveOperation {
                call: Some(call), ..
            }) => call.abort(),
            Some(ActiveOperation { generation, .. }) => {
                self.streams.remove(generation);
                self.observe_close(CloseReason::Unsubscribed);
            }
        }
    }
}

/// Adds the expected payload to the error of a client that sent no token, or sent it under another
/// key.
fn with_expected_payload(mut error: RequestError, other: Option<&str>) -> RequestError {
    // The message of a close frame is limited to 123 bytes.
    let found = other
        .filter(|key| key.len() <= 20)
        .map(|key| format!(", not {key:?}"))
        .unwrap_or_default();
    error.message = format!(
        "{}: send {{\"authorization\": \"Bearer …\"}} as the payload{found}",
        error.message
    )
    .into();
    error
}
