//! The running subscriptions of a WebSocket session.
//!
//! Each yields exactly one last item when it ends. A panic ends only this subscription.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt, stream::SelectAll};

use crate::service::{End, Item, SubscriptionEvent, SubscriptionStream};

/// Identifies an operation of a session. Clients may reuse an id; a generation is never reused.
#[derive(Debug)]
pub(super) struct OperationKey {
    pub(super) id: String,
    pub(super) generation: u64,
    /// The start of each message with a response to this operation.
    pub(super) prefix: String,
}

/// An item of a running subscription.
#[derive(Debug)]
pub(super) enum SubscriptionItem {
    Next(SubscriptionEvent),
    Ended(End),
    Panicked,
}

/// A running subscription.
pub(super) struct ActiveSubscription {
    key: Arc<OperationKey>,
    /// `None` after the last item.
    events: Option<SubscriptionStream>,
}

impl ActiveSubscription {
    pub(super) fn new(key: OperationKey, events: SubscriptionStream) -> Self {
        Self {
            key: Arc::new(key),
            events: Some(events),
        }
    }
}

impl Stream for ActiveSubscription {
    type Item = (Arc<OperationKey>, SubscriptionItem);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(events) = &mut self.events else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| events.poll_next_unpin(cx)));
        let item = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Item::Next(event)))) => SubscriptionItem::Next(event),
            Ok(Poll::Ready(Some(Item::End(end)))) => SubscriptionItem::Ended(end),
            Ok(Poll::Ready(None)) => SubscriptionItem::Ended(End::Complete),
            Err(_) => SubscriptionItem::Panicked,
        };
        if !matches!(item, SubscriptionItem::Next(_)) {
            self.events = None;
        }
        Poll::Ready(Some((Arc::clone(&self.key), item)))
    }
}

/// The running subscriptions of a session.
#[derive(Default)]
pub(super) struct ActiveSubscriptions {
    /// The only subscription, as most sessions have. Polling it costs less than polling a set.
    only: Option<ActiveSubscription>,
    /// All subscriptions, if there were two at the same time.
    several: SelectAll<ActiveSubscription>,
}

impl ActiveSubscriptions {
    pub(super) fn push(&mut self, subscription: ActiveSubscription) {
        if self.only.is_none() && self.several.is_empty() {
            self.only = Some(subscription);
        } else {
            self.several.extend(self.only.take());
            self.several.push(subscription);
        }
    }

    /// Drops the subscription of a generation.
    pub(super) fn remove(&mut self, generation: u64) {
        let Self { only, several } = std::mem::take(self);
        let others = only.into_iter().chain(several);
        for subscription in others.filter(|it| it.key.generation != generation) {
            self.push(subscription);
        }
    }
}

impl Stream for ActiveSubscriptions {
    type Item = (Arc<OperationKey>, SubscriptionItem);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(only) = &mut self.only else {
            return self.several.poll_next_unpin(cx);
        };
        let polled = only.poll_next_unpin(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.only = None;
        }
        polled
    }
}
