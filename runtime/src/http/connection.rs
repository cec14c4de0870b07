//! Serves HTTP on one connection.
//!
//! After the listener has stopped, a connection stays open only while a response is in flight and
//! the client reads it.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{Request, Response, StatusCode},
};
use hyper::{
    body::{Body as HttpBody, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::{
    protocol_error::ErrorBody,
    timeout_stream::{ConnectionStats, InFlight, TimeoutStream},
};
use crate::config::Settings;

/// Maximum of [`Timeouts::drain`].
const MAX_DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The timeouts of connections.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For receiving the headers of a request, and for an idle connection.
    pub head: Duration,
    /// For a write that makes no progress.
    pub write: Duration,
    /// Like [`Self::write`], during a shutdown.
    pub drain: Duration,
}

impl Timeouts {
    /// Returns the timeouts that the settings define.
    pub fn from_settings(settings: &Settings) -> Self {
        Self {
            head: settings.limits.head_time,
            write: settings.limits.write_time,
            drain: (settings.shutdown_grace / 20).min(MAX_DRAIN_TIMEOUT),
        }
    }
}

/// Serves a connection until it is closed.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    timeouts: Timeouts,
    error_body: ErrorBody,
    stop: CancellationToken,
) {
    let stream = TimeoutStream::new(stream, timeouts.write, error_body);
    let stats = stream.stats();
    let service = service_fn({
        let stats = Arc::clone(&stats);
        move |request| {
            let in_flight = InFlight::begin(&stats);
            respond(router.clone(), peer, request, in_flight, Arc::clone(&stats))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(timeouts.head);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    if let Some(ended) = stop.run_until_cancelled(connection.as_mut()).await {
        log_failure(ended);
        return;
    }
    connection.as_mut().graceful_shutdown();
    loop {
        let before = stats.written();
        if let Ok(ended) = timeout(timeouts.drain, connection.as_mut()).await {
            log_failure(ended);
            return;
        }
        if stats.waits_for_client() && stats.written() == before {
            return;
        }
    }
}

fn log_failure(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection failed");
    }
}

async fn respond(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
    in_flight: InFlight,
    stats: Arc<ConnectionStats>,
) -> Result<Response<TrackedBody>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.call(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        stats.upgrade();
    }
    Ok(response.map(|body| TrackedBody {
        body,
        _in_flight: in_flight,
    }))
}

/// A response body that keeps its request in flight until it ends.
struct TrackedBody {
    body: Body,
    _in_flight: InFlight,
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
