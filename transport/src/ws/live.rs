//! A running subscription among the others of its socket.
//!
//! Invariant: its end is always told, by one last item; a panic ends this subscription only. Owned
//! by a session's set of streams.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, future::AbortRegistration, stream::Abortable};

use crate::service::{End, Event, Item, Subscription};

/// Which operation something belongs to. Ids come again; turns do not.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) id: String,
    pub(super) turn: u64,
    /// What precedes each of its responses on the wire.
    pub(super) prefix: String,
}

/// What a running subscription yields.
#[derive(Debug)]
pub(super) enum Lived {
    Next(Event),
    Ended(End),
    /// It panicked.
    Broken,
}

/// The subscription.
pub(super) struct Live {
    tag: Arc<Tag>,
    /// `None` once its end was told.
    events: Option<Abortable<Subscription>>,
}

impl Live {
    pub(super) fn new(
        tag: Arc<Tag>,
        subscription: Subscription,
        registration: AbortRegistration,
    ) -> Self {
        Self {
            tag,
            events: Some(Abortable::new(subscription, registration)),
        }
    }
}

impl Stream for Live {
    type Item = (Arc<Tag>, Lived);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| events.poll_next_unpin(cx)));
        let lived = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Item::Next(event)))) => Lived::Next(event),
            Ok(Poll::Ready(Some(Item::End(end)))) => Lived::Ended(end),
            Ok(Poll::Ready(None)) => Lived::Ended(End::Complete),
            Err(_) => Lived::Broken,
        };
        if !matches!(lived, Lived::Next(_)) {
            self.events = None;
        }
        Poll::Ready(Some((Arc::clone(&self.tag), lived)))
    }
}
