//! The byte stream under a WebSocket, which records when its peer last sent or accepted bytes.
//!
//! Deadlines are based on bytes, not on messages: a peer that sends a large message slowly is not
//! idle.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// When the peer last sent or accepted bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Activity {
    /// When a byte last arrived.
    pub(super) last_read: Instant,
    /// Since when a write has been pending, or `None` if none is.
    pub(super) blocked_since: Option<Instant>,
}

/// A byte stream that records the activity of its peer.
#[derive(Debug)]
pub(super) struct ActivityStream<T> {
    inner: T,
    activity: Activity,
}

impl<T> ActivityStream<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            activity: Activity {
                last_read: Instant::now(),
                blocked_since: None,
            },
        }
    }

    pub(super) fn activity(&self) -> Activity {
        self.activity
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ActivityStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.last_read = Instant::now();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ActivityStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if written.is_pending() {
            self.activity.blocked_since.get_or_insert_with(Instant::now);
        } else {
            self.activity.blocked_since = None;
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
