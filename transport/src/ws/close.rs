//! How a WebSocket ends.
//!
//! Invariant: a close code reaches its peer if the peer reads at all: the connection is not torn
//! down while the peer may still be sending, because a reset would overtake the code. Called at the
//! end of every session.

use std::{borrow::Cow, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode as Number},
};

use super::Socket;
use crate::{observer::Reason, policy::limits::Limits, service::REPLACED};

/// The close codes of graphql-transport-ws, and those of WebSocket that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum CloseCode {
    Normal = 1000,
    GoingAway = 1001,
    Protocol = 1002,
    NotText = 1007,
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

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server closes.
    Close(CloseCode, Cow<'static, str>),
    /// The server closes because a subscription ended as [`End::Replaced`](crate::End::Replaced).
    Replaced,
    /// The peer closed; the library answers it.
    PeerClosed,
    /// There is nobody to close towards.
    Gone(Reason),
}

impl Ending {
    /// As metrics tell it.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Close(CloseCode::GoingAway, _) => Reason::GoingAway,
            Self::Close(CloseCode::Overloaded, _) => Reason::Overloaded,
            Self::Replaced => Reason::Replaced,
            Self::Close(CloseCode::Normal, _) | Self::PeerClosed => Reason::Disconnected,
            Self::Close(..) => Reason::Misbehaved,
            Self::Gone(reason) => *reason,
        }
    }
}

/// Ends the socket as told, after the frames that were still to be sent.
pub(super) async fn finish(
    mut socket: Socket,
    ending: Ending,
    unsent: impl IntoIterator<Item = Message>,
    limits: &Limits,
) {
    let ending = match ending {
        Ending::Replaced => Ending::Close(CloseCode::Overloaded, REPLACED.into()),
        other => other,
    };
    match ending {
        Ending::Gone(_) | Ending::Replaced => {}
        Ending::PeerClosed => {
            let answered = async { while let Some(Ok(_)) = socket.next().await {} };
            // A peer that does not take the answer has had its time.
            let _ = timeout(limits.close_deadline, answered).await;
        }
        Ending::Close(code, reason) => {
            let unsent: Vec<Message> = unsent
                .into_iter()
                .chain([close_frame(code, &reason)])
                .collect();
            let (patience, deadline) = if code == CloseCode::GoingAway {
                // The process ends, whoever stalls.
                let patience = limits.departure_deadline;
                (patience, Instant::now() + patience)
            } else {
                // A stalled peer is given as long as its heartbeat would have given it.
                let silent = socket.get_ref().heard + limits.silence;
                let patience = limits.close_deadline;
                (patience, silent.max(Instant::now() + patience))
            };
            let sent = async {
                for frame in unsent {
                    socket.feed(frame).await?;
                }
                socket.flush().await
            };
            if let Ok(Ok(())) = timeout_at(deadline, sent).await {
                linger(socket, patience).await;
            }
        }
    }
}

/// For a client that speaks nothing known here.
pub(super) async fn unsupported(socket: Socket, limits: &Limits) {
    let reason = "Subprotocol not acceptable".into();
    let ending = Ending::Close(CloseCode::UnknownSubprotocol, reason);
    finish(socket, ending, [], limits).await;
}

/// Says that nothing follows and throws away what arrives until the peer leaves, too.
async fn linger(mut socket: Socket, patience: Duration) {
    let wire = socket.get_mut();
    let left = async {
        wire.shutdown().await?;
        let mut scrap = [0; 1024];
        while wire.read(&mut scrap).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // Whether it leaves in time or not, it is left.
    let _ = timeout(patience, left).await;
}

/// A reason has room for 123 bytes.
fn close_frame(code: CloseCode, reason: &str) -> Message {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    Message::Close(Some(CloseFrame {
        code: Number::from(code as u16),
        reason: reason[..end].into(),
    }))
}
