//! The connection below the frames, with its clock.
//!
//! Invariant: every byte that arrives and every write that waits is noted, whatever the frames
//! say. Owned by a session's WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// A connection that knows when its peer last took or gave a byte.
#[derive(Debug)]
pub(super) struct Wire<T> {
    inner: T,
    /// When a byte last arrived.
    pub(super) heard: Instant,
    /// Since when bytes have waited of which the peer took none.
    pub(super) blocked: Option<Instant>,
}

impl<T> Wire<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            heard: Instant::now(),
            blocked: None,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.heard = Instant::now();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if written.is_pending() {
            self.blocked.get_or_insert_with(Instant::now);
        } else {
            self.blocked = None;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
