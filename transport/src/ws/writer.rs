//! The sending side of a GraphQL session.
//!
//! Frames that are ready together are sent with one flush. Events are polled only while the peer
//! reads, so a slow consumer's events accumulate (and are conflated) at their source.

use std::task::{Context, Poll, ready};

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use super::{
    close::SocketEnd,
    connection::PollSession,
    session::Session,
    subprotocol::Subprotocol,
    subscription::{OperationKey, SubscriptionItem},
};
use crate::{observer::CloseReason, service::Service};

impl<S: Service> Session<S> {
    /// Sends frames until none is left or the peer accepts no more.
    pub(super) fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        events: &mut Context<'_>,
    ) -> PollSession {
        for _ in 0..self.context.limits.frames_per_flush {
            ready!(self.connection.poll_ready(cx))?;
            match self.next_frame(events)? {
                Some(frame) => self.connection.send(frame)?,
                None => return self.connection.poll_flush(cx),
            }
        }
        events.waker().wake_by_ref();
        self.connection.poll_flush(cx)
    }

    /// Returns the next frame: replies first, then events of any subscription.
    fn next_frame(&mut self, events: &mut Context<'_>) -> Result<Option<Message>, SocketEnd> {
        if let Some(frame) = self.replies.pop_front() {
            self.unsent = self.unsent.saturating_sub(frame.len());
            return Ok(Some(frame));
        }
        while let Poll::Ready(Some((key, item))) = self.streams.poll_next_unpin(events) {
            let active = self.active.get(&key.id);
            if active.is_some_and(|active| active.generation == key.generation) {
                let text = self.event_message(&key, item)?;
                return Ok(Some(Message::text(text)));
            }
        }
        Ok(None)
    }

    fn event_message(
        &mut self,
        key: &OperationKey,
        item: SubscriptionItem,
    ) -> Result<String, SocketEnd> {
        let end = match item {
            SubscriptionItem::Next(event) => {
                let protocol = self.subprotocol.protocol();
                let observer = &self.context.observer;
                observer.event_delivered(protocol, event.missed);
                return Ok(Subprotocol::next(&key.prefix, &event.body));
            }
            SubscriptionItem::Ended(end) => Some(end),
            SubscriptionItem::Panicked => None,
        };
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
