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

use super::protocol_error::{RefusalBody, Refuser};

/// What passes over a connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Bytes that the peer took.
    written: AtomicU64,
    /// Whether bytes wait to be taken.
    waits: AtomicBool,
    /// Requests that are not answered to their end.
    exchanges: AtomicUsize,
    /// Requests that were passed to the service.
    requests: AtomicU64,
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
        traffic.requests.fetch_add(1, Relaxed);
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
    refuser: Refuser,
    refusal: Option<Refusal>,
}

/// A refusal that takes the place of what the HTTP library writes.
#[derive(Debug)]
struct Refusal {
    text: Vec<u8>,
    written: usize,
    /// Set once it was written: until when what the peer still sends is thrown away.
    linger: Option<Pin<Box<Sleep>>>,
}

/// For how long a peer that was refused may go on sending. If its connection were closed before, a reset would overtake
/// the refusal.
const LINGER: Duration = Duration::from_secs(1);

/// How many steps make up the time that a peer may take nothing.
const STEPS: u32 = 10;

/// The time for which a peer has taken nothing.
#[derive(Debug)]
struct Stalled {
    step: Pin<Box<Sleep>>,
    passed: u32,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, patience: Duration, body: RefusalBody) -> Self {
        Self {
            stream,
            patience,
            traffic: Arc::default(),
            stalled: None,
            refuser: Refuser::new(body),
            refusal: None,
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

impl Wire {
    fn find_refusal(&mut self, bytes: &[u8]) {
        if self.refusal.is_none() && !self.traffic.upgraded.load(Relaxed) {
            self.refusal = self.refuser.complete(bytes).map(|text| Refusal {
                text,
                written: 0,
                linger: None,
            });
        }
    }

    /// Writes the refusal in place of `bytes` bytes, after which the library writes no more.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
        while let Some(refusal) = &mut self.refusal
            && refusal.written < refusal.text.len()
        {
            let rest = &refusal.text[refusal.written..];
            let written = Pin::new(&mut self.stream).poll_write(cx, rest);
            let written = ready!(self.judge(cx, written))?;
            if let Some(refusal) = &mut self.refusal {
                refusal.written += written;
            }
        }
        Poll::Ready(Ok(bytes))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if !self.traffic.upgraded.load(Relaxed) {
            let requests = self.traffic.requests.load(Relaxed);
            self.refuser.note(&buffer.filled()[before..], requests);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.find_refusal(bytes);
        if self.refusal.is_some() {
            return self.poll_refuse(cx, bytes.len());
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
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
        self.judge(cx, written)
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
        let Some(refusal) = &mut this.refusal else {
            return Poll::Ready(Ok(()));
        };
        let linger = refusal
            .linger
            .get_or_insert_with(|| Box::pin(sleep(LINGER)));
        let mut scrap = [0; 4096];
        while linger.as_mut().poll(cx).is_pending() {
            let mut scrap = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut scrap));
            if read.is_err() || scrap.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
