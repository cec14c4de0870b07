//! Closes WebSockets with the close codes of RFC 6455 and of the GraphQL subprotocols.
//!
//! A close code reaches every peer that reads: the TCP connection stays open while the peer may
//! still be sending, because a reset would discard the code.

use std::{borrow::Cow, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode as CloseCodeNumber},
};

use super::handshake::Socket;
use crate::{
    observer::CloseReason,
    policy::limits::Limits,
    service::{End, REPLACED},
};

/// Maximum size of the message of a close frame, in bytes.
pub(super) const MAX_MESSAGE: usize = 123;

/// The close codes of RFC 6455 and of the GraphQL subprotocols that this server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum CloseCode {
    Normal = 1000,
    GoingAway = 1001,
    Protocol = 1002,
    NotText = 1007,
    PolicyViolation = 1008,
    TooBig = 1009,
    Overloaded = 1013,
    BadRequest = 4400,
    Unauthorized = 4401,
    Forbidden = 4403,
    UnknownSubprotocol = 4406,
    InitTimeout = 4408,
    DuplicateId = 4409,
    SecondInit = 4429,
}

/// How a session ends.
#[derive(Debug)]
pub(super) enum SocketEnd {
    /// The server closes the socket.
    Close {
        code: CloseCode,
        message: Cow<'static, str>,
        reason: CloseReason,
    },
    /// The peer closed the socket; the library answers its close frame.
    PeerClosed,
    /// The connection is unusable.
    Gone(CloseReason),
}

impl SocketEnd {
    /// The server closes the socket with this code and message.
    pub(super) fn close(code: CloseCode, message: impl Into<Cow<'static, str>>) -> Self {
        let reason = match code {
            CloseCode::Normal => CloseReason::Disconnected,
            CloseCode::GoingAway => CloseReason::GoingAway,
            CloseCode::Overloaded => CloseReason::Overloaded,
            CloseCode::PolicyViolation => CloseReason::IdleTimeout,
            _ => CloseReason::ProtocolError,
        };
        let message = message.into();
        Self::Close {
            code,
            message,
            reason,
        }
    }

    /// The server is shutting down.
    pub(super) fn going_away() -> Self {
        Self::close(CloseCode::GoingAway, "Server is shutting down")
    }

    /// The client reads too slowly.
    pub(super) fn overloaded() -> Self {
        Self::close(CloseCode::Overloaded, "Client is too slow")
    }

    /// Returns how the session ends because a subscription ended; `None` if the subscription
    /// completed, which keeps the socket open.
    pub(super) fn of_subscription(end: End) -> Option<Self> {
        match end {
            End::Complete => None,
            End::Overloaded => Some(Self::overloaded()),
            End::Replaced => Some(Self::Close {
                code: CloseCode::Overloaded,
                message: REPLACED.into(),
                reason: CloseReason::Replaced,
            }),
        }
    }

    /// The library could not read a frame.
    pub(super) fn of_read_error(error: &Error) -> Self {
        let (code, message) = match error {
            Error::Capacity(_) => (CloseCode::TooBig, "Message too big"),
            Error::Utf8(_) => (CloseCode::NotText, "Invalid UTF-8"),
            Error::Protocol(error) if *error != ProtocolError::ResetWithoutClosingHandshake => {
                (CloseCode::Protocol, "Invalid WebSocket frame")
            }
            _ => return Self::Gone(CloseReason::Disconnected),
        };
        Self::close(code, message)
    }

    /// The reason for metrics.
    pub(super) fn reason(&self) -> CloseReason {
        match self {
            Self::Close { reason, .. } | Self::Gone(reason) => *reason,
            Self::PeerClosed => CloseReason::Disconnected,
        }
    }
}

/// Closes a socket after sending the frames in `unsent`.
pub(super) async fn finish(
    mut socket: Socket,
    end: SocketEnd,
    unsent: impl IntoIterator<Item = Message>,
    limits: &Limits,
) {
    match end {
        SocketEnd::Gone(_) => {}
        SocketEnd::PeerClosed => {
            let answered = async {
                while let Some(Ok(_)) = socket.next().await {}
                socket.get_mut().flush().await
            };
            // On a timeout the connection is dropped.
            let _ = timeout(limits.close_timeout, answered).await;
        }
        SocketEnd::Close { code, message, .. } => {
            let frames: Vec<Message> = unsent
                .into_iter()
                .chain([close_frame(code, &message)])
                .collect();
            let now = Instant::now();
            let (linger_time, deadline) = if code == CloseCode::GoingAway {
                // The process exits, even if peers do not read.
                (limits.drain_timeout, now + limits.drain_timeout)
            } else {
                // A peer that does not read gets as long as its idle timeout.
                let last_read = socket.get_ref().activity().last_read;
                let idle_by = last_read + limits.idle_timeout;
                (
                    limits.close_timeout,
                    idle_by.max(now + limits.close_timeout),
                )
            };
            let sent = async {
                for frame in frames {
                    socket.feed(frame).await?;
                }
                socket.flush().await
            };
            if let Ok(Ok(())) = timeout_at(deadline, sent).await {
                linger(socket, linger_time).await;
            }
        }
    }
}

/// Closes a socket whose client offers no supported subprotocol.
pub(super) async fn close_unsupported(socket: Socket, limits: &Limits) {
    let code = CloseCode::UnknownSubprotocol;
    let end = SocketEnd::close(code, "Subprotocol not acceptable");
    finish(socket, end, [], limits).await;
}

/// Shuts down the sending side and discards what the peer sends until it closes.
async fn linger(mut socket: Socket, duration: Duration) {
    let stream = socket.get_mut();
    let closed = async {
        stream.shutdown().await?;
        let mut scrap = [0; 1024];
        while stream.read(&mut scrap).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // The connection is dropped whether the peer closed it or not.
    let _ = timeout(duration, closed).await;
}

fn close_frame(code: CloseCode, message: &str) -> Message {
    let mut end = message.len().min(MAX_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame {
        code: CloseCodeNumber::from(code as u16),
        reason: message[..end].into(),
    }))
}
