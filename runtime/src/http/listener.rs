//! Binds listeners and serves HTTP on them, with timeouts and graceful shutdown.
//!
//! No client keeps a connection by being slow: receiving headers, waiting for the next request and
//! every write that makes no progress have a timeout. Upgraded connections (WebSockets) have their
//! own timeouts.

use std::{io, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connection;
pub use super::connection::Timeouts;
pub use super::protocol_error::{ErrorBody, plain_text_body, protocol_error_message};
use crate::config::ListenSettings;

/// Delay before accepting again after an error such as too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A listener could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}")]
pub struct BindError {
    host: String,
    port: u16,
    source: io::Error,
}

/// Binds a listener.
///
/// # Errors
///
/// If the address is not available, for example because the port is in use.
pub async fn bind(settings: &ListenSettings) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(settings.address()).await;
    bound.map_err(|source| BindError {
        host: settings.host.clone(),
        port: settings.port,
        source,
    })
}

/// Accepts and serves connections until `stop`, then finishes the requests in flight. `error_body`
/// creates the bodies of responses to requests that are not valid HTTP or whose headers are too
/// large; the router does not see those.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    timeouts: Timeouts,
    error_body: ErrorBody,
    stop: CancellationToken,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(accept(&listener)).await {
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone();
                // A token per connection, because all waiters of a token share a lock.
                let stop = stop.child_token();
                connections.spawn(connection::serve(
                    stream, peer, router, timeouts, error_body, stop,
                ));
            }
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// Accepts a connection that sends each message at once. With Nagle's algorithm, a message waits
/// until the client has acknowledged the one before, which it may delay by 40 ms.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    // This fails on some systems if the client has already disconnected.
    let _ = stream.set_nodelay(true);
    Ok((stream, peer))
}

/// Whether an error of `accept` concerns only the accepted connection.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test]
    async fn connections_send_without_waiting_for_acknowledgements() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _client = TcpStream::connect(address).await.expect("a connection");
        let (stream, _) = accept(&listener).await.expect("a connection");
        assert!(stream.nodelay().expect("the option"));
    }
}
