//! Groups subscribers with the same canonical text, so that each event is executed once for all.
//!
//! A member gets the same body as it would alone. The first member that reaches an event executes
//! it. The others get the same bytes, unless the other state that the body depends on has changed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Weak},
    time::Duration,
};

use async_graphql::{Response, Variables};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Mutex as AsyncMutex, OnceCell},
    time::Instant,
};

use super::{feed_handle::FeedHandle, mask::mask};
use crate::{
    auth::Viewer,
    graphql::{
        json,
        loader::{Batcher, ServiceLoader},
        plan::EventPlan,
    },
    live::FeedEvent,
    service::Service,
};

/// Number of bodies that a group keeps for slower members. An older event is executed again.
const MAX_BODIES: usize = 64;
/// How long a body may be used in a snapshot: it may contain the freshness of the stock.
const SNAPSHOT_LIFETIME: Duration = Duration::from_secs(1);

/// The key of a group: canonical text, viewer, and generation of the hub's feed.
pub(super) type Key = (String, Viewer, u64);

/// All groups. A group lives as long as it has members.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Arc<Mutex<HashMap<Key, Weak<Group>>>>);

/// Subscribers that share executions.
pub(super) struct Group {
    /// Writes the responses. `None` if async-graphql must execute all events.
    planned: Option<PlannedEvents>,
    handle: Arc<FeedHandle>,
    /// The responses of async-graphql's execution. The lock is held while one event is executed,
    /// also with the plan.
    responses: AsyncMutex<BoxStream<'static, Response>>,
    /// The newest bodies, by position.
    bodies: Mutex<VecDeque<CachedBody>>,
}

/// A plan, and what it is executed with.
pub(super) struct PlannedEvents {
    pub(super) plan: EventPlan,
    pub(super) variables: Variables,
    pub(super) service: Service,
    pub(super) batcher: Arc<Batcher<ServiceLoader>>,
}

/// The state that a body depends on besides the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeliveryContext {
    /// Whether the event is part of the initial snapshot, which shows the current state.
    pub(super) snapshot: bool,
    /// Whether the database is away, so that every stock is stale.
    pub(super) stale: bool,
}

/// A shared body.
#[derive(Debug)]
struct CachedBody {
    seq: i64,
    stale: bool,
    created_at: Instant,
    body: Arc<OnceCell<Bytes>>,
}

impl CachedBody {
    fn is_valid(&self, context: DeliveryContext) -> bool {
        self.stale == context.stale
            && (!context.snapshot || self.created_at.elapsed() < SNAPSHOT_LIFETIME)
    }
}

impl Groups {
    /// Returns the group of the key, or `new` if none exists. Without a key the group is not
    /// shared.
    pub(super) fn join(&self, key: Option<Key>, new: Group) -> Arc<Group> {
        let new = Arc::new(new);
        let Some(key) = key else { return new };
        let mut groups = self.0.lock();
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        // Groups without members are removed before the map grows, which bounds its size.
        if groups.len() == groups.capacity() {
            groups.retain(|_, group| group.strong_count() > 0);
        }
        groups.insert(key, Arc::downgrade(&new));
        new
    }
}

impl Group {
    /// Creates a group of a subscription that has started.
    pub(super) fn new(
        planned: Option<PlannedEvents>,
        handle: Arc<FeedHandle>,
        responses: BoxStream<'static, Response>,
    ) -> Self {
        Self {
            planned,
            handle,
            responses: AsyncMutex::new(responses),
            bodies: Mutex::default(),
        }
    }

    /// Returns the body of an event, if a member has executed it.
    pub(super) fn known_body(&self, event: &FeedEvent, context: DeliveryContext) -> Option<Bytes> {
        let seq = event.position.seq;
        let bodies = self.bodies();
        // Most members want the newest.
        let known = bodies.iter().rev().find(|cached| cached.seq <= seq)?;
        let is_valid = known.seq == seq && known.is_valid(context);
        is_valid.then(|| known.body.get().cloned()).flatten()
    }

    /// Returns the body of an event, or `None` if the execution has ended.
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

    fn cell(&self, seq: i64, context: DeliveryContext) -> Arc<OnceCell<Bytes>> {
        let mut bodies = self.bodies();
        let at = bodies.partition_point(|cached| cached.seq < seq);
        let known = bodies.get_mut(at).filter(|cached| cached.seq == seq);
        if let Some(cached) = &known
            && cached.is_valid(context)
        {
            return Arc::clone(&cached.body);
        }
        let body = Arc::new(OnceCell::new());
        let new = CachedBody {
            seq,
            stale: context.stale,
            created_at: Instant::now(),
            body: Arc::clone(&body),
        };
        match known {
            Some(cached) => *cached = new,
            None => bodies.insert(at, new),
        }
        if bodies.len() > MAX_BODIES {
            bodies.pop_front();
        }
        body
    }

    async fn execute(&self, event: &Arc<FeedEvent>) -> Result<Bytes, ()> {
        let mut responses = self.responses.lock().await;
        match self.execute_plan(event).await {
            Some(body) => Ok(body),
            None => self.execute_by_library(event, &mut responses).await,
        }
    }

    /// Returns the response to an event, or `None` if async-graphql must execute the event.
    async fn execute_plan(&self, event: &FeedEvent) -> Option<Bytes> {
        let planned = self.planned.as_ref()?;
        let PlannedEvents {
            plan,
            variables,
            service,
            batcher,
        } = planned;
        let body = plan.execute(event, service, batcher, variables).await?;
        Some(body.into())
    }

    async fn execute_by_library(
        &self,
        event: &Arc<FeedEvent>,
        responses: &mut BoxStream<'static, Response>,
    ) -> Result<Bytes, ()> {
        self.handle.feed(Arc::clone(event));
        // A member that fed an earlier event may have left before its response.
        loop {
            let mut response = responses.next().await.ok_or(())?;
            if self.handle.executed() == event.position.seq {
                mask(&mut response);
                return Ok(json::response(&response));
            }
        }
    }

    fn bodies(&self) -> MutexGuard<'_, VecDeque<CachedBody>> {
        self.bodies.lock()
    }
}

#[cfg(test)]
mod tests;
