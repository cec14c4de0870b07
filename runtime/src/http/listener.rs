//! Listeners, and HTTP on them.
//!
//! One invariant: no peer holds a connection for ever: a request's head, the wait for one, and every stretch of time in
//! which a peer takes nothing of what is written are bounded. Sockets that a connection was upgraded to bound themselves.
//! Both programs serve their metrics through this, and `api` everything else.

use std::{io, time::Duration};

use axum::Router;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::connection;
pub use super::protocol_error::{RefusalBody, explain, plain_refusal};
use crate::config::{ListenSettings, Settings};

/// How long to wait when no connection can be accepted, as when there are too many open files.
const EXHAUSTED: Duration = Duration::from_secs(1);
/// The most that a peer is waited for once the listener stops.
const LONGEST_LEAVE: Duration = Duration::from_secs(5);

/// Why a listener does not listen.
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
/// One that names the address: a taken port, an address of somebody else.
pub async fn bind(settings: &ListenSettings) -> Result<TcpListener, BindError> {
    let bound = TcpListener::bind(settings.address()).await;
    bound.map_err(|source| BindError {
        host: settings.host.clone(),
        port: settings.port,
        source,
    })
}

/// How long peers are waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// What a request's head may take to arrive, and how long a connection may wait for one.
    pub head: Duration,
    /// How long a peer may take nothing of what is written to it.
    pub write: Duration,
    /// The same once the listener stops.
    pub leave: Duration,
}

impl Patience {
    /// What the settings ask for.
    pub fn from_settings(settings: &Settings) -> Self {
        Self {
            head: settings.limits.head_time,
            write: settings.limits.write_time,
            leave: (settings.shutdown_grace / 20).min(LONGEST_LEAVE),
        }
    }
}

/// Accepts connections until `stop`, then finishes what is under way. Requests that are not HTTP, or whose head is too
/// large, get a `refusal` instead of an answer of the router.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Patience,
    refusal: RefusalBody,
    stop: CancellationToken,
) -> io::Result<()> {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone();
                // Of its own, because everybody who waits for one token locks it whenever they are polled.
                let stop = stop.child_token();
                connections.spawn(connection::serve(
                    stream, peer, router, patience, refusal, stop,
                ));
            }
            Err(error) if is_of_one_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(EXHAUSTED).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn is_of_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}
