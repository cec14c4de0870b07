//! Opens a WebSocket to a provider.

use std::{borrow::Cow, io, sync::Arc, time::Duration};

use reqwest::StatusCode;
use runtime::http::retry_after;
use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error, client::IntoClientRequest, protocol::WebSocketConfig},
};

use super::connection::End;
use crate::provider::{StreamAddress, StreamEvent, handshake_refused};

/// Timeout of the connection with its handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a message, in bytes.
const MAX_MESSAGE: usize = 1 << 20;

/// A connected WebSocket.
pub(super) type Socket = WebSocketStream<Box<dyn Transport>>;

/// A connection below the WebSocket.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// Connects. After an error, returns how the attempt ended.
pub(super) async fn connect(address: &StreamAddress) -> Result<Socket, End> {
    let connecting = Box::pin(try_connect(address));
    let connected = timeout(CONNECT_TIMEOUT, connecting).await;
    connected.unwrap_or_else(|_| Err(End::failed("the connection timed out")))
}

async fn try_connect(address: &StreamAddress) -> Result<Socket, End> {
    let request = address.0.as_str().into_client_request();
    let request = request.map_err(|_| End::failed("the URL cannot be used"))?;
    let host = address.0.host_str().unwrap_or_default();
    let port = address.0.port_or_known_default().unwrap_or_default();
    // The brackets of an IPv6 address are part of a URL only.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((name, port))
        .await
        .map_err(|error| io_failed(&error))?;
    tcp.set_nodelay(true).map_err(|error| io_failed(&error))?;
    let transport: Box<dyn Transport> = if address.0.scheme() == "wss" {
        let server = ServerName::try_from(name.to_owned());
        let server = server.map_err(|_| End::failed("the host cannot be used"))?;
        let tls = tls().map_err(|error| End::failed(error.to_string()))?;
        Box::new(
            tls.connect(server, tcp)
                .await
                .map_err(|error| io_failed(&error))?,
        )
    } else {
        Box::new(tcp)
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    match client_async_with_config(request, transport, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let wait = retry_after(response.headers());
            Err(refused(response.status(), wait))
        }
        Err(error) => Err(broken(&error)),
    }
}

/// Returns a connector that trusts the root certificates of the system, like the HTTP client.
fn tls() -> Result<TlsConnector, rustls::Error> {
    // Fails if a provider is already installed, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(TlsConnector::from(Arc::new(
        ClientConfig::with_platform_verifier()?,
    )))
}

fn refused(status: StatusCode, retry_after: Option<Duration>) -> End {
    match handshake_refused(status, retry_after) {
        (StreamEvent::Refused { reason }, _) => End::Refused(reason),
        (StreamEvent::Failed { reason }, wait) => End::Failed { reason, wait },
        _ => End::failed("the handshake failed"),
    }
}

fn io_failed(error: &io::Error) -> End {
    End::failed(error.to_string())
}

/// Returns the end of a broken WebSocket. The text contains no URL, which may contain a key.
pub(super) fn broken(error: &Error) -> End {
    let reason: Cow<'static, str> = match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the provider closed".into(),
        Error::Io(error) => error.to_string().into(),
        Error::Tls(error) => error.to_string().into(),
        Error::Capacity(_) => "a message is too large".into(),
        Error::Protocol(error) => error.to_string().into(),
        Error::Utf8(_) => "a text is not UTF-8".into(),
        _ => "the WebSocket failed".into(),
    };
    End::Failed { reason, wait: None }
}
