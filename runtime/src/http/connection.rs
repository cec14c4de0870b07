//! HTTP on one connection.
//!
//! One invariant: once the listener stops, the connection lives only as long as something that was asked for is on its
//! way and its peer takes it. Spawned by the listener.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
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
    listener::Patience,
    protocol_error::RefusalBody,
    timeout_stream::{Exchange, Traffic, Wire},
};

/// Serves a peer until either side has enough.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    patience: Patience,
    refusal: RefusalBody,
    stop: CancellationToken,
) {
    let wire = Wire::new(stream, patience.write, refusal);
    let traffic = wire.traffic();
    let answering = Arc::clone(&traffic);
    let service = service_fn(move |request| {
        let exchange = Exchange::begin(&answering);
        answer(
            router.clone(),
            peer,
            request,
            exchange,
            Arc::clone(&answering),
        )
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(patience.head);
    let connection = http.serve_connection(TokioIo::new(wire), service);
    let mut connection = pin!(connection.with_upgrades());
    if let Some(ended) = stop.run_until_cancelled(connection.as_mut()).await {
        tell(ended);
        return;
    }
    connection.as_mut().graceful_shutdown();
    loop {
        let before = traffic.written();
        if let Ok(ended) = timeout(patience.leave, connection.as_mut()).await {
            tell(ended);
            return;
        }
        if traffic.is_the_peers_turn() && traffic.written() == before {
            return;
        }
    }
}

fn tell(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
    exchange: Exchange,
    traffic: Arc<Traffic>,
) -> Result<Response<Answer>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = router.call(request).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        traffic.upgrade();
    }
    Ok(response.map(|body| Answer {
        body,
        _exchange: exchange,
    }))
}

/// A body that is under way until its end.
struct Answer {
    body: Body,
    _exchange: Exchange,
}

impl HttpBody for Answer {
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
