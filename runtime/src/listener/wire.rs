//! A connection that gives up on a peer that takes nothing.
//!
//! One invariant: a write waits for its peer no longer than it may, and any byte that is taken begins that time anew.
//! The time is counted in steps, so that time in which the process was stopped or the machine suspended counts as one
//! step at most. Under the HTTP of one connection.

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

/// What passes over a connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Bytes that the peer took.
    written: AtomicU64,
    /// Whether bytes wait to be taken.
    waits: AtomicBool,
    /// Requests that are not answered to their end.
    exchanges: AtomicUsize,
    /// Whether it is no longer HTTP's.
    upgraded: AtomicBool,
}

impl Traffic {
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Whether all depends on the peer: it takes nothing, or nothing that it asked for is left.
    pub(super) fn is_the_peers_turn(&self) -> bool {
        self.waits.load(Relaxed) || self.exchanges.load(Relaxed) == 0
    }

    /// Whoever it is handed to bounds it from now on.
    pub(super) fn upgrade(&self) {
        self.upgraded.store(true, Relaxed);
    }
}

/// A request until the end of its answer.
#[derive(Debug)]
pub(super) struct Exchange(Arc<Traffic>);

impl Exchange {
    pub(super) fn begin(traffic: &Arc<Traffic>) -> Self {
        traffic.exchanges.fetch_add(1, Relaxed);
        Self(Arc::clone(traffic))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.exchanges.fetch_sub(1, Relaxed);
    }
}

/// The connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    patience: Duration,
    traffic: Arc<Traffic>,
    /// Set while bytes wait.
    stalled: Option<Stalled>,
}

/// How many steps make up the time that a peer may take nothing.
const STEPS: u32 = 10;

/// The time for which a peer has taken nothing.
#[derive(Debug)]
struct Stalled {
    step: Pin<Box<Sleep>>,
    passed: u32,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            traffic: Arc::default(),
            stalled: None,
        }
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        Arc::clone(&self.traffic)
    }

    fn judge(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() && !self.traffic.upgraded.load(Relaxed) {
            self.traffic.waits.store(true, Relaxed);
            let step = self.patience / STEPS;
            let stalled = self.stalled.get_or_insert_with(|| Stalled {
                step: Box::pin(sleep(step)),
                passed: 0,
            });
            while stalled.passed < STEPS {
                ready!(stalled.step.as_mut().poll(cx));
                stalled.passed += 1;
                stalled.step.as_mut().reset(Instant::now() + step);
            }
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let Poll::Ready(Ok(bytes)) = written {
            self.stalled = None;
            self.traffic.waits.store(false, Relaxed);
            self.traffic.written.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
