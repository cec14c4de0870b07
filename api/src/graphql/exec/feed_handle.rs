//! The link between the executor of a subscription and its resolver.
//!
//! The resolver hands over the plan of the subscription. The executor feeds events, which the
//! library executes one at a time.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use futures_util::{Stream, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{live::FeedEvent, service::SubscriptionPlan};

/// Feeds events to one execution of a subscription.
#[derive(Debug)]
pub(in crate::graphql) struct FeedHandle {
    plan: Mutex<Option<SubscriptionPlan>>,
    sender: UnboundedSender<Arc<FeedEvent>>,
    receiver: Mutex<Option<UnboundedReceiver<Arc<FeedEvent>>>>,
    executed_seq: AtomicI64,
}

impl FeedHandle {
    /// A handle whose subscription has not begun.
    pub(super) fn new() -> Self {
        let (sender, receiver) = unbounded_channel();
        Self {
            plan: Mutex::default(),
            sender,
            receiver: Mutex::new(Some(receiver)),
            executed_seq: AtomicI64::new(0),
        }
    }

    /// Called by the resolver when the arguments are valid. Returns the objects of the events that
    /// are [fed](Self::feed); events without an object are skipped.
    pub(in crate::graphql) fn begin<T>(
        self: &Arc<Self>,
        plan: SubscriptionPlan,
        object: fn(&FeedEvent) -> Option<T>,
    ) -> impl Stream<Item = T> + Send + use<T>
    where
        T: Send + 'static,
    {
        *lock(&self.plan) = Some(plan);
        let receiver = lock(&self.receiver).take();
        // The group owns both the handle and this stream. A strong reference would be a cycle.
        let handle = Arc::downgrade(self);
        stream::unfold(receiver, move |receiver| {
            let handle = handle.clone();
            async move {
                let mut receiver = receiver?;
                loop {
                    let event = receiver.recv().await?;
                    let object = object(&event);
                    let handle = handle.upgrade()?;
                    handle
                        .executed_seq
                        .store(event.position.seq, Ordering::Release);
                    if let Some(object) = object {
                        return Some((object, Some(receiver)));
                    }
                }
            }
        })
    }

    /// Takes the plan of the subscription, once the resolver has handed it over.
    pub(super) fn take_plan(&self) -> Option<SubscriptionPlan> {
        lock(&self.plan).take()
    }

    /// Gives the library an event to execute.
    pub(super) fn feed(&self, event: Arc<FeedEvent>) {
        // Fails only after the execution has ended, which its response stream reports.
        let _ = self.sender.send(event);
    }

    /// The sequence number of the event of the last response. Exact, because the library executes
    /// one event at a time.
    pub(super) fn executed_seq(&self) -> i64 {
        self.executed_seq.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
