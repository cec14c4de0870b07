//! The writing half of a session.
//!
//! Invariant: frames that are ready together are written together, with one flush; what is not
//! asked for is not made, so that events pile up (and conflate) where they come from. Polled by its
//! session.

use std::task::{Context, Poll};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::{
    close::{CloseCode, Ending},
    dialect::Dialect,
    live::{Lived, Tag},
    session::{Session, closing},
};
use crate::{
    observer::Reason,
    service::{End, Service},
};

impl<S: Service> Session<S> {
    /// Writes what there is until there is nothing or the peer takes no more.
    pub(super) fn poll_writer(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            match self.socket.poll_ready_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Ending::Gone(Reason::Disconnected)),
                Poll::Ready(Ok(())) => {}
            }
            if self.fed < self.room.limits.frames_per_flush {
                match self.next_frame(cx) {
                    Err(ending) => return Poll::Ready(ending),
                    Ok(Some(frame)) => {
                        if self.socket.start_send_unpin(frame).is_err() {
                            return Poll::Ready(Ending::Gone(Reason::Disconnected));
                        }
                        self.fed += 1;
                        continue;
                    }
                    Ok(None) if self.fed == 0 => return Poll::Pending,
                    Ok(None) => {}
                }
            }
            match self.socket.poll_flush_unpin(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Ending::Gone(Reason::Disconnected)),
                Poll::Ready(Ok(())) => self.fed = 0,
            }
        }
    }

    /// Answers first, then whichever subscription has an event.
    fn next_frame(&mut self, cx: &mut Context<'_>) -> Result<Option<Message>, Ending> {
        if let Some(frame) = self.replies.pop_front() {
            self.unsent = self.unsent.saturating_sub(frame.len());
            return Ok(Some(frame));
        }
        while let Poll::Ready(Some((tag, lived))) = self.streams.poll_next_unpin(cx) {
            let is_current = self
                .active
                .get(&tag.id)
                .is_some_and(|active| active.turn == tag.turn);
            if !is_current {
                continue;
            }
            let text = match lived {
                Lived::Next(event) => {
                    let protocol = self.dialect.protocol();
                    self.room.observer.event_delivered(protocol, event.missed);
                    framed(&tag, &event.body)
                }
                Lived::Ended(End::Complete) => {
                    self.active.remove(&tag.id);
                    self.closed(Reason::Complete);
                    Dialect::complete(&tag.id)
                }
                Lived::Broken => {
                    tracing::error!("a subscription panicked");
                    self.active.remove(&tag.id);
                    self.closed(Reason::Complete);
                    let defect = self.room.service.defect();
                    self.dialect.error(&tag.id, &[defect])
                }
                Lived::Ended(End::Overloaded) => {
                    return Err(closing(CloseCode::Overloaded, "Too far behind"));
                }
                Lived::Ended(End::Replaced) => return Err(Ending::Replaced),
            };
            return Ok(Some(Message::text(text)));
        }
        Ok(None)
    }
}

/// A response in its envelope.
pub(super) fn framed(tag: &Tag, body: &[u8]) -> String {
    let mut text = String::with_capacity(tag.prefix.len() + body.len() + 1);
    text.push_str(&tag.prefix);
    // A service writes JSON, which is UTF-8; if one does not, its client sees replacements.
    text.push_str(&String::from_utf8_lossy(body));
    text.push('}');
    text
}
