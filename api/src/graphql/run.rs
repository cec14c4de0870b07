//! What a subscription's resolver and its executor tell each other.
//!
//! One invariant: the library executes one event at a time, so that the place noted last is that of the next response.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use futures_util::{Stream, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{live::FeedEvent, service::SubscriptionPlan};

/// One execution of a subscription by the library.
#[derive(Debug)]
pub(super) struct Run {
    following: Mutex<Option<SubscriptionPlan>>,
    feed: UnboundedSender<Arc<FeedEvent>>,
    events: Mutex<Option<UnboundedReceiver<Arc<FeedEvent>>>>,
    executed: AtomicI64,
}

impl Run {
    /// One that has not begun.
    pub(super) fn new() -> Self {
        let (feed, events) = unbounded_channel();
        Self {
            following: Mutex::default(),
            feed,
            events: Mutex::new(Some(events)),
            executed: AtomicI64::new(0),
        }
    }

    /// Called by the resolver: the arguments are good, and these are the objects of the events that are
    /// [fed](Self::feed).
    pub(super) fn begin<T>(
        self: &Arc<Self>,
        following: SubscriptionPlan,
        object: fn(&FeedEvent) -> Option<T>,
    ) -> impl Stream<Item = T> + Send + use<T>
    where
        T: Send + 'static,
    {
        *lock(&self.following) = Some(following);
        let events = lock(&self.events).take();
        // The run must not keep its own stream alive, nor the stream the run.
        let run = Arc::downgrade(self);
        stream::unfold(events, move |events| {
            let run = run.clone();
            async move {
                let mut events = events?;
                loop {
                    let happened = events.recv().await?;
                    let object = object(&happened);
                    run.upgrade()?
                        .executed
                        .store(happened.position.seq, Ordering::Release);
                    if let Some(object) = object {
                        return Some((object, Some(events)));
                    }
                }
            }
        })
    }

    /// What the resolver found the subscriber to want, once it has begun.
    pub(super) fn take_following(&self) -> Option<SubscriptionPlan> {
        lock(&self.following).take()
    }

    /// Gives the library an event to execute.
    pub(super) fn feed(&self, happened: Arc<FeedEvent>) {
        // The receiver ends with the execution, and whoever waits for its response sees that.
        let _ = self.feed.send(happened);
    }

    /// The place of the event that the last response is of.
    pub(super) fn executed(&self) -> i64 {
        self.executed.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
