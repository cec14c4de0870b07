//! The sending side of a GraphQL session.
//!
//! Frames that are ready together are sent with one write. Events are polled only while the peer
//! reads, so a slow consumer's events accumulate (and are conflated) at their source.

use std::task::Poll;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use super::{
    close::SocketEnd,
    frame,
    session::Session,
    subprotocol::Subprotocol,
    subscription::{OperationKey, SubscriptionItem},
    writers::PollContext,
};
use crate::{
    observer::CloseReason,
    service::{End, Service},
};

impl<S: Service> Session<S> {
    /// Appends the next frame: replies first, then events of any subscription. Returns whether
    /// there is one.
    pub(super) fn put_next_frame(&mut self, cx: &mut PollContext<'_>) -> Result<bool, SocketEnd> {
        let was_full = self.is_full();
        if let Some(reply) = self.replies.pop_front() {
            self.unsent = self.unsent.saturating_sub(reply.len());
            put_reply(cx.frames, &reply);
            if was_full && !self.is_full() {
                // The reader stopped because of the full queue, so nothing else wakes it.
                cx.task.waker().wake_by_ref();
            }
            return Ok(true);
        }
        let Poll::Ready(Some((key, item))) = self.streams.poll_next_unpin(&mut cx.events) else {
            return Ok(false);
        };
        match item {
            SubscriptionItem::Next(event) => {
                let protocol = self.subprotocol.protocol();
                let observer = &self.context.observer;
                observer.event_delivered(protocol, event.missed);
                frame::put_text(cx.frames, &[key.prefix.as_bytes(), &event.body, b"}"]);
            }
            SubscriptionItem::Ended(end) => {
                let text = self.end_message(&key, Some(end))?;
                frame::put_text(cx.frames, &[text.as_bytes()]);
            }
            SubscriptionItem::Panicked => {
                let text = self.end_message(&key, None)?;
                frame::put_text(cx.frames, &[text.as_bytes()]);
            }
        }
        Ok(true)
    }

    /// Removes a subscription that has ended; `None` if it panicked. Returns the message about it.
    fn end_message(&mut self, key: &OperationKey, end: Option<End>) -> Result<String, SocketEnd> {
        if let Some(end) = end.and_then(SocketEnd::of_subscription) {
            return Err(end);
        }
        self.active.remove(&key.id);
        self.observe_close(CloseReason::Complete);
        Ok(if end.is_some() {
            Subprotocol::complete(&key.id)
        } else {
            tracing::error!("subscription panicked");
            let error = self.context.service.internal_error();
            self.subprotocol.error(&key.id, &[error])
        })
    }
}

/// Appends a reply, which is a text or a ping.
fn put_reply(frames: &mut Vec<u8>, reply: &Message) {
    match reply {
        Message::Text(text) => frame::put_text(frames, &[text.as_bytes()]),
        _ => frame::put_ping(frames),
    }
}
