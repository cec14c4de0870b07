//! WebSocket: GraphQL sessions, and sockets that only send.
//!
//! Requests are rejected with an HTTP status before the upgrade and with a close code after it.
//! The upgrade is not done by axum's extractor, because sessions need access to the byte stream:
//! to see every byte that arrives, and to deliver a close code to a peer that is still sending.

mod activity;
mod close;
mod connection;
mod deadlines;
mod frame;
mod handshake;
mod push;
mod reader;
mod session;
mod subprotocol;
mod subscription;
mod writer;
mod writers;

pub use self::{handshake::Handshake, push::PushServer, writers::Writers};

use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;

use self::{session::Session, subprotocol::Subprotocol};
use crate::{
    context::TransportContext,
    error::RequestError,
    observer::{Observer, Protocol},
    policy::{
        connections::ClientAddress,
        credentials::{authorization, subprotocols},
    },
    service::Service,
};

/// Counts a client as connected until it is dropped, also by a panic.
struct ConnectedClient {
    observer: Arc<dyn Observer>,
    protocol: Protocol,
}

impl ConnectedClient {
    fn new(observer: &Arc<dyn Observer>, protocol: Protocol) -> Self {
        observer.client_connected(protocol);
        let observer = Arc::clone(observer);
        Self { observer, protocol }
    }
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        self.observer.client_disconnected(self.protocol);
    }
}

/// Accepts a WebSocket for GraphQL.
pub(crate) fn upgrade<S: Service>(
    context: &Arc<TransportContext<S>>,
    parts: &mut Parts,
) -> Result<Response, RequestError> {
    let handshake = Handshake::parse(parts)?;
    context.drain.check()?;
    let address = ClientAddress::of(&parts.extensions);
    let permit = context.connections.acquire(address, &context.limits)?;
    let offered: Vec<&str> = subprotocols(&parts.headers).collect();
    let subprotocol = Subprotocol::select(&offered);
    // A client that offers only unknown subprotocols is accepted, so that it gets a close code.
    let name = subprotocol.map_or(offered.first().copied(), |it| Some(it.name()));
    let (response, opening) = handshake.accept(name);
    let authorization = authorization(&parts.headers);
    let context = Arc::clone(context);
    context.tasks.clone().spawn(async move {
        // Boxed, like everything that is not needed while the session runs: the task keeps the
        // space of its largest state.
        let Some(socket) = Box::pin(opening.open(&context.limits)).await else {
            return;
        };
        if let Some(subprotocol) = subprotocol {
            let session = Session::new(context, socket, subprotocol, authorization, permit);
            session.run().await;
        } else {
            Box::pin(close::close_unsupported(socket, &context.limits)).await;
            drop(permit);
        }
    });
    Ok(response)
}
