//! A TCP stream with a write timeout.
//!
//! A write fails if the client reads nothing for the timeout; every byte that it reads restarts the
//! timeout. The time is counted in steps, so that a pause of the process or a suspended machine
//! counts as one step at most.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::protocol_error::{ErrorBody, ErrorBodyWriter};

/// The state of a connection, shared by its stream and its requests.
#[derive(Debug, Default)]
pub(super) struct ConnectionStats {
    /// Bytes written to the client.
    written: AtomicU64,
    /// Whether a write is blocked.
    blocked: AtomicBool,
    /// Requests without a complete response.
    in_flight: AtomicUsize,
    /// Requests passed to the service so far.
    requests: AtomicU64,
    /// Whether the connection was upgraded, for example to a WebSocket.
    upgraded: AtomicBool,
}

impl ConnectionStats {
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Whether the server only waits for the client: a write is blocked, or no request is in
    /// flight.
    pub(super) fn waits_for_client(&self) -> bool {
        self.blocked.load(Relaxed) || self.in_flight.load(Relaxed) == 0
    }

    /// Marks the connection as upgraded, which disables the write timeout.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }
}

/// Counts a request as in flight until it is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<ConnectionStats>);

impl InFlight {
    pub(super) fn begin(stats: &Arc<ConnectionStats>) -> Self {
        stats.in_flight.fetch_add(1, Relaxed);
        stats.requests.fetch_add(1, Relaxed);
        Self(Arc::clone(stats))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A TCP stream with a write timeout, which also adds bodies to the error responses of hyper.
#[derive(Debug)]
pub(super) struct TimeoutStream {
    stream: TcpStream,
    timeout: Duration,
    stats: Arc<ConnectionStats>,
    /// Set while a write is blocked.
    blocked: Option<BlockedWrite>,
    error_bodies: ErrorBodyWriter,
    error_response: Option<ErrorResponse>,
}

/// An error response that is sent instead of the one that hyper writes.
#[derive(Debug)]
struct ErrorResponse {
    text: Vec<u8>,
    written: usize,
    /// Set after it was written: how long to discard what the client still sends.
    linger: Option<Pin<Box<Sleep>>>,
}

/// How long to discard what a client still sends after an error response. If the connection were
/// closed at once, a reset could overtake the response.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Steps of the write timeout.
const TIMEOUT_STEPS: u32 = 10;

/// How long a write has been blocked.
#[derive(Debug)]
struct BlockedWrite {
    step: Pin<Box<Sleep>>,
    passed: u32,
}

impl TimeoutStream {
    pub(super) fn new(stream: TcpStream, timeout: Duration, body: ErrorBody) -> Self {
        Self {
            stream,
            timeout,
            stats: Arc::default(),
            blocked: None,
            error_bodies: ErrorBodyWriter::new(body),
            error_response: None,
        }
    }

    pub(super) fn stats(&self) -> Arc<ConnectionStats> {
        Arc::clone(&self.stats)
    }

    /// Records the result of a write, and fails a write that was blocked for the timeout.
    fn check_timeout(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() && !self.stats.upgraded.load(Relaxed) {
            self.stats.blocked.store(true, Relaxed);
            let step = self.timeout / TIMEOUT_STEPS;
            let blocked = self.blocked.get_or_insert_with(|| BlockedWrite {
                step: Box::pin(sleep(step)),
                passed: 0,
            });
            while blocked.passed < TIMEOUT_STEPS {
                ready!(blocked.step.as_mut().poll(cx));
                blocked.passed += 1;
                blocked.step.as_mut().reset(Instant::now() + step);
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let Poll::Ready(Ok(bytes)) = written {
            self.blocked = None;
            self.stats.blocked.store(false, Relaxed);
            self.stats.written.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl TimeoutStream {
    /// Replaces `bytes` if hyper wrote an error response without a body.
    fn replace_error_response(&mut self, bytes: &[u8]) {
        if self.error_response.is_none() && !self.stats.upgraded.load(Relaxed) {
            self.error_response = self.error_bodies.complete(bytes).map(|text| ErrorResponse {
                text,
                written: 0,
                linger: None,
            });
        }
    }

    /// Writes the error response instead of the `bytes` bytes that hyper wrote, which are its last.
    fn poll_error_response(
        &mut self,
        cx: &mut Context<'_>,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        while let Some(response) = &mut self.error_response
            && response.written < response.text.len()
        {
            let rest = &response.text[response.written..];
            let written = Pin::new(&mut self.stream).poll_write(cx, rest);
            let written = ready!(self.check_timeout(cx, written))?;
            if let Some(response) = &mut self.error_response {
                response.written += written;
            }
        }
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if !self.stats.upgraded.load(Relaxed) {
            let requests = self.stats.requests.load(Relaxed);
            self.error_bodies
                .observe(&buffer.filled()[before..], requests);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.replace_error_response(bytes);
        if self.error_response.is_some() {
            return self.poll_error_response(cx, bytes.len());
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check_timeout(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.check_timeout(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        let this = &mut *self;
        let Some(response) = &mut this.error_response else {
            return Poll::Ready(Ok(()));
        };
        let linger = response
            .linger
            .get_or_insert_with(|| Box::pin(sleep(LINGER_TIME)));
        let mut discarded = [0; 4096];
        while linger.as_mut().poll(cx).is_pending() {
            let mut discarded = ReadBuf::new(&mut discarded);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut discarded));
            if read.is_err() || discarded.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
