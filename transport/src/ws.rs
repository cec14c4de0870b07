//! From an HTTP request to a WebSocket session.
//!
//! Invariant: whoever is refused here is refused by HTTP; once accepted, by a close code. Called by
//! the HTTP handler after host, method and origin were judged. The upgrade is done here and not by
//! axum's extractor because a session needs the connection below the frames: to know of every byte
//! that arrives, and to let a close code through to a peer that is still sending.

mod close;
mod dialect;
mod live;
mod pulse;
mod reader;
mod session;
mod wire;
mod writer;

pub use self::reader::close_code;

use std::sync::Arc;

use axum::response::Response;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        AUTHORIZATION, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use self::{dialect::Dialect, session::Session, wire::Wire};
use crate::{
    context::Room,
    fault::{Fault, code},
    policy::connections::{ClientAddress, Seat},
    policy::limits::Limits,
    service::Service,
};

/// A token offered as a subprotocol, by browsers that cannot set headers.
const BEARER: &str = "bearer.";
/// The library reads into a buffer of that size for as long as the socket lives.
const READ_BUFFER: usize = 4096;
/// Frames gather up to this size before they are written without being flushed.
const WRITE_BUFFER: usize = 8192;

type Socket = WebSocketStream<Wire<TokioIo<hyper::upgrade::Upgraded>>>;

/// Accepts a WebSocket.
pub(crate) fn upgrade<S: Service>(
    room: &Arc<Room<S>>,
    parts: &mut Parts,
) -> Result<Response, Fault> {
    let key = handshake_key(&parts.headers)?;
    let upgrade = parts
        .extensions
        .remove::<OnUpgrade>()
        .ok_or_else(|| Fault::bad_request("this connection cannot become a WebSocket"))?;
    if room.drain.is_draining() {
        return Err(Fault::unavailable("the server is going away", 1));
    }
    let address = ClientAddress::of(&parts.extensions);
    let seat = room.census.admit(address, &room.limits)?;
    let offers = Offers::of(&parts.headers);
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    insert(headers, SEC_WEBSOCKET_ACCEPT, &key);
    if let Some(name) = offers.chosen() {
        insert(headers, SEC_WEBSOCKET_PROTOCOL, name);
    }
    let room = Arc::clone(room);
    room.tasks
        .clone()
        .spawn(async move { attend(room, upgrade, offers, seat).await });
    Ok(response)
}

/// Lives as long as the socket.
async fn attend<S: Service>(room: Arc<Room<S>>, upgrade: OnUpgrade, offers: Offers, seat: Seat) {
    let connection = match upgrade.await {
        Ok(connection) => Wire::new(TokioIo::new(connection)),
        Err(error) => {
            tracing::debug!(%error, "a WebSocket upgrade failed");
            return;
        }
    };
    let config = config(&room.limits);
    let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
    if let Some(dialect) = offers.dialect {
        let session = Session::new(room, socket, dialect, offers.authorization, seat);
        session.run().await;
    } else {
        Box::pin(close::unsupported(socket, &room.limits)).await;
        drop(seat);
    }
}

fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes))
}

/// The value of `Sec-WebSocket-Accept`.
fn handshake_key(headers: &HeaderMap) -> Result<String, Fault> {
    let connects = headers.get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|value| {
            value
                .split(',')
                .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
        })
    });
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(Fault::new(
            StatusCode::UPGRADE_REQUIRED,
            code::BAD_USER_INPUT,
            "WebSocket version 13 is spoken here",
        ));
    }
    match headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if connects => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(Fault::bad_request("this is no WebSocket handshake")),
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What a client offers in its handshake.
struct Offers {
    dialect: Option<Dialect>,
    /// The first offer that is no token, so that a client which speaks nothing we do is let in
    /// and reads the close code that says so.
    first: Option<String>,
    authorization: Option<String>,
}

impl Offers {
    fn of(headers: &HeaderMap) -> Self {
        let names: Vec<&str> = headers
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let dialect = [Dialect::Modern, Dialect::Legacy]
            .into_iter()
            .find(|dialect| names.contains(&dialect.name()));
        let header = headers
            .get(AUTHORIZATION)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let offered = names
            .iter()
            .find_map(|name| name.strip_prefix(BEARER))
            .map(|token| format!("Bearer {token}"));
        Self {
            dialect,
            first: names
                .iter()
                .find(|name| !name.is_empty() && !name.starts_with(BEARER))
                .map(|name| (*name).to_owned()),
            authorization: header.or(offered),
        }
    }

    fn chosen(&self) -> Option<&str> {
        match self.dialect {
            Some(dialect) => Some(dialect.name()),
            None => self.first.as_deref(),
        }
    }
}
