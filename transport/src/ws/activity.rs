//! The byte stream under a WebSocket, which records when its peer last sent or accepted bytes, and
//! keeps what the peer does not accept.
//!
//! Deadlines are based on bytes, not on messages: a peer that sends a large message slowly is not
//! idle. Writes never wait, so that the frames of the session and those of the WebSocket library
//! (pongs and closes) do not mix, even if half of a frame was written.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
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
    /// What the peer has not accepted yet. Without an allocation if it is empty.
    unsent: BytesMut,
    /// Number of bytes in `unsent` that the WebSocket library wrote: pongs.
    unsent_pongs: usize,
}

impl<T> ActivityStream<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            activity: Activity {
                last_read: Instant::now(),
                blocked_since: None,
            },
            unsent: BytesMut::new(),
            unsent_pongs: 0,
        }
    }

    pub(super) fn activity(&self) -> Activity {
        self.activity
    }

    /// Number of bytes of pongs that the peer has not accepted yet.
    pub(super) fn unsent_pongs(&self) -> usize {
        self.unsent_pongs
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

impl<T: AsyncWrite + Unpin> ActivityStream<T> {
    /// Sends `bytes`, or keeps what the peer does not accept until the next flush.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) -> io::Result<()> {
        while self.unsent.is_empty() && !bytes.is_empty() {
            match self.poll_inner(cx, bytes)? {
                Poll::Ready(written) => bytes = &bytes[written..],
                Poll::Pending => break,
            }
        }
        self.unsent.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what was kept.
    pub(super) fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        while !unsent.is_empty() {
            match self.poll_inner(cx, &unsent) {
                Poll::Ready(written) => unsent.advance(written?),
                Poll::Pending => {
                    self.unsent = unsent;
                    return Poll::Pending;
                }
            }
        }
        self.unsent_pongs = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        match &written {
            Poll::Pending => {
                self.activity.blocked_since.get_or_insert_with(Instant::now);
            }
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(_) => self.activity.blocked_since = None,
        }
        written
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ActivityStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send(cx, bytes)?;
        if !self.unsent.is_empty() {
            self.unsent_pongs += bytes.len();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_unsent(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
