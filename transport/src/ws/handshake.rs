//! The opening handshake of a WebSocket (RFC 6455, section 4.2).

use axum::response::Response;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
        SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    request::Parts,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Role, WebSocketConfig},
    },
};

use super::activity::ActivityStream;
use crate::{
    error::{RequestError, code},
    policy::limits::Limits,
};

/// Size of the read buffer, which each socket keeps for its lifetime.
const READ_BUFFER: usize = 1024;

/// The server side of a WebSocket.
pub(super) type Socket = WebSocketStream<ActivityStream<TokioIo<Upgraded>>>;

/// A valid opening handshake.
#[derive(Debug)]
pub struct Handshake {
    /// The value of `Sec-WebSocket-Accept`.
    accept_key: String,
    upgrade: OnUpgrade,
}

/// An accepted handshake whose response is not sent yet.
pub(super) struct Opening(OnUpgrade);

impl Handshake {
    /// Whether a request asks for an upgrade to a WebSocket.
    pub(crate) fn is_requested(parts: &Parts) -> bool {
        let upgrade = parts.headers.get(UPGRADE);
        parts.method == Method::GET
            && upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
    }

    /// Validates the handshake of a request.
    ///
    /// # Errors
    ///
    /// 426 for another version than 13; 400 if the request is not a handshake or its connection
    /// cannot be upgraded.
    pub fn parse(parts: &mut Parts) -> Result<Self, RequestError> {
        let headers = &parts.headers;
        let not_a_handshake = || RequestError::bad_request("not a WebSocket handshake");
        if !Self::is_requested(parts) {
            return Err(not_a_handshake());
        }
        let version = headers.get(SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            return Err(RequestError::new(
                StatusCode::UPGRADE_REQUIRED,
                code::BAD_USER_INPUT,
                "unsupported WebSocket version, expected 13",
            ));
        }
        let key = headers.get(SEC_WEBSOCKET_KEY);
        let key = key.filter(|_| has_upgrade_token(headers));
        let accept_key = derive_accept_key(key.ok_or_else(not_a_handshake)?.as_bytes());
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade
            .ok_or_else(|| RequestError::bad_request("the connection cannot be upgraded"))?;
        Ok(Self {
            accept_key,
            upgrade,
        })
    }

    /// Accepts the handshake. The response selects `subprotocol`.
    pub(super) fn accept(self, subprotocol: Option<&str>) -> (Response, Opening) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        insert(headers, SEC_WEBSOCKET_ACCEPT, &self.accept_key);
        if let Some(name) = subprotocol {
            insert(headers, SEC_WEBSOCKET_PROTOCOL, name);
        }
        (response, Opening(self.upgrade))
    }
}

impl Opening {
    /// Waits until the response is sent. Returns `None` if the connection is lost before.
    pub(super) async fn open(self, limits: &Limits) -> Option<Socket> {
        let stream = match self.0.await {
            Ok(upgraded) => ActivityStream::new(TokioIo::new(upgraded)),
            Err(error) => {
                tracing::debug!(%error, "WebSocket upgrade failed");
                return None;
            }
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(limits.message_bytes))
            .max_frame_size(Some(limits.message_bytes));
        Some(WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await)
    }
}

fn has_upgrade_token(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
