//! Groups of subscribers with the same selection. Each event is executed once for a whole group.
//!
//! A member gets the bytes that it would get alone. The first member that reaches an event executes
//! it; the others reuse the body while it is valid for their [`DeliveryContext`].

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use async_graphql::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};

use super::{feed_handle::FeedHandle, mask::mask};
use crate::{auth::Viewer, graphql::output::json, live::FeedEvent};

/// Number of bodies that a group caches for its slower members. Older events are executed again.
const CACHED_BODIES: usize = 64;
/// How long a body is valid as a snapshot, because it may contain the freshness of a stock.
const SNAPSHOT_LIFETIME: Duration = Duration::from_secs(1);

/// What the members of a group have in common: the canonical text of the selection, the permissions
/// and the generation of the hub's feed.
pub(super) type GroupKey = (String, Viewer, u64);

/// All groups. A group lives as long as it has members.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Arc<Mutex<HashMap<GroupKey, Weak<Group>>>>);

/// Subscribers that share responses.
pub(super) struct Group {
    feed: Arc<FeedHandle>,
    /// The execution of the subscription by the library, which is fed one event at a time.
    responses: AsyncMutex<BoxStream<'static, Response>>,
    /// The newest bodies, in feed order.
    bodies: Mutex<VecDeque<CachedBody>>,
}

/// The circumstances in which a member receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeliveryContext {
    /// The event is part of the initial snapshot, so fields are resolved as of now.
    pub(super) snapshot: bool,
    /// The answers of the server are stale.
    pub(super) stale: bool,
}

/// The body of an event, which may still be executing.
#[derive(Debug)]
struct CachedBody {
    seq: i64,
    stale: bool,
    started: Instant,
    body: Arc<OnceCell<Bytes>>,
}

impl Groups {
    /// Returns the group of a key, or `new` if there is none yet. Without a key, `new` is not
    /// shared.
    pub(super) fn join(&self, key: Option<GroupKey>, new: Group) -> Arc<Group> {
        let new = Arc::new(new);
        let Some(key) = key else { return new };
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        // Removes ended groups when the table would grow, so its size is that of the live groups.
        if groups.len() == groups.capacity() {
            groups.retain(|_, group| group.strong_count() > 0);
        }
        groups.insert(key, Arc::downgrade(&new));
        new
    }
}

impl Group {
    /// A group over a subscription that has begun.
    pub(super) fn new(feed: Arc<FeedHandle>, responses: BoxStream<'static, Response>) -> Self {
        Self {
            feed,
            responses: AsyncMutex::new(responses),
            bodies: Mutex::default(),
        }
    }

    /// Returns the body of an event, or `None` if the library has ended the subscription.
    pub(super) async fn body(
        &self,
        event: &Arc<FeedEvent>,
        context: DeliveryContext,
    ) -> Option<Bytes> {
        let cell = self.cell(event.position.seq, context);
        cell.get_or_try_init(|| self.execute(event))
            .await
            .ok()
            .cloned()
    }

    /// Returns the cell of an event's body: a cached one that is valid in `context`, or a new one.
    fn cell(&self, seq: i64, context: DeliveryContext) -> Arc<OnceCell<Bytes>> {
        let mut bodies = self.bodies();
        let at = bodies.partition_point(|cached| cached.seq < seq);
        let DeliveryContext { snapshot, stale } = context;
        let known = bodies.get_mut(at).filter(|cached| cached.seq == seq);
        if let Some(cached) = &known
            && cached.stale == stale
            && (!snapshot || cached.started.elapsed() < SNAPSHOT_LIFETIME)
        {
            return Arc::clone(&cached.body);
        }
        let body = Arc::new(OnceCell::new());
        let new = CachedBody {
            seq,
            stale,
            started: Instant::now(),
            body: Arc::clone(&body),
        };
        match known {
            Some(cached) => *cached = new,
            None => bodies.insert(at, new),
        }
        if bodies.len() > CACHED_BODIES {
            bodies.pop_front();
        }
        body
    }

    async fn execute(&self, event: &Arc<FeedEvent>) -> Result<Bytes, ()> {
        let mut responses = self.responses.lock().await;
        self.feed.feed(Arc::clone(event));
        // Skips responses to events whose member left before it read them.
        loop {
            let mut response = responses.next().await.ok_or(())?;
            if self.feed.executed_seq() == event.position.seq {
                mask(&mut response);
                return Ok(json::response(&response));
            }
        }
    }

    fn bodies(&self) -> MutexGuard<'_, VecDeque<CachedBody>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
