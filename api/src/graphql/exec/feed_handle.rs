//! The handle through which the resolver and the executor of a subscription communicate.
//!
//! The resolver passes the subscription plan to the executor. The executor passes each event that
//! async-graphql executes to the resolver, which returns it as an object. async-graphql executes one
//! event at a time, so the stored position is that of the next response.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use futures_util::{Stream, stream};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{live::FeedEvent, service::SubscriptionPlan};

/// The handle of one running execution of a subscription.
#[derive(Debug)]
pub(in crate::graphql) struct FeedHandle {
    plan: Mutex<Option<SubscriptionPlan>>,
    feed: UnboundedSender<Arc<FeedEvent>>,
    events: Mutex<Option<UnboundedReceiver<Arc<FeedEvent>>>>,
    /// The `seq` of the event that async-graphql executed last.
    executed: AtomicI64,
}

impl FeedHandle {
    /// Creates a handle of an execution that has not started.
    pub(super) fn new() -> Self {
        let (feed, events) = unbounded_channel();
        Self {
            plan: Mutex::default(),
            feed,
            events: Mutex::new(Some(events)),
            executed: AtomicI64::new(0),
        }
    }

    /// Starts the subscription, after the resolver has checked its arguments. Returns a stream of
    /// the objects of the events that are [fed](Self::feed).
    pub(in crate::graphql) fn begin<T>(
        self: &Arc<Self>,
        plan: SubscriptionPlan,
        object: fn(&FeedEvent) -> Option<&T>,
    ) -> impl Stream<Item = T> + Send + use<T>
    where
        T: Clone + Send + 'static,
    {
        *lock(&self.plan) = Some(plan);
        let events = lock(&self.events).take();
        // A weak reference, so that the handle and its stream do not keep each other alive.
        let handle = Arc::downgrade(self);
        stream::unfold(events, move |events| {
            let handle = handle.clone();
            async move {
                let mut events = events?;
                loop {
                    let event = events.recv().await?;
                    let object = object(&event).cloned();
                    handle
                        .upgrade()?
                        .executed
                        .store(event.position.seq, Ordering::Release);
                    if let Some(object) = object {
                        return Some((object, Some(events)));
                    }
                }
            }
        })
    }

    /// Takes the plan, once the resolver has started the subscription.
    pub(super) fn take_plan(&self) -> Option<SubscriptionPlan> {
        lock(&self.plan).take()
    }

    /// Sends an event to be executed.
    pub(super) fn feed(&self, event: Arc<FeedEvent>) {
        // If the execution has ended, the stream of responses ends too.
        let _ = self.feed.send(event);
    }

    /// Returns the `seq` of the event that the last response belongs to.
    pub(super) fn executed(&self) -> i64 {
        self.executed.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
