//! Executes each event once for everybody who asked the same.
//!
//! One invariant: a group's bodies are those that each of its members would have got alone; who comes first to an event
//! has it executed, the rest take the same bytes, for as long as what they say besides the event is true.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use async_graphql::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::{
    sync::{Mutex as Turn, OnceCell},
    time::Instant,
};

use super::{fault::mask, json, run::Run};
use crate::{auth::Viewer, live::FeedEvent};

/// How many bodies a group keeps for its slower members; what is older is executed again.
const KEPT: usize = 64;
/// For how long a body serves those who begin with its event: it may tell how fresh the stock is.
const NOW: Duration = Duration::from_secs(1);

/// Those who ask the same: who may read what of which event, in which of the hub's feeds.
pub(super) type Key = (String, Viewer, u64);

/// All groups; one lives as long as it has members.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Arc<Mutex<HashMap<Key, Weak<Group>>>>);

/// Those who asked the same.
pub(super) struct Group {
    run: Arc<Run>,
    /// The library's execution of the subscription, which is fed one event at a time.
    responses: Turn<BoxStream<'static, Response>>,
    bodies: Mutex<VecDeque<Kept>>,
}

/// When and how an event is told to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circumstance {
    /// It is what the member begins with: what is true now.
    pub(super) snapshot: bool,
    /// The database is away.
    pub(super) away: bool,
}

/// A body that is shared.
#[derive(Debug)]
struct Kept {
    seq: i64,
    away: bool,
    begun: Instant,
    body: Arc<OnceCell<Bytes>>,
}

impl Groups {
    /// The group of a key, or `new` if nobody asked that yet. Without a key it is shared with nobody.
    pub(super) fn join(&self, key: Option<Key>, new: Group) -> Arc<Group> {
        let new = Arc::new(new);
        let Some(key) = key else { return new };
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(&key).and_then(Weak::upgrade) {
            return group;
        }
        // What has ended is cleared when the table would grow, so that it stays as large as what lives.
        if groups.len() == groups.capacity() {
            groups.retain(|_, group| group.strong_count() > 0);
        }
        groups.insert(key, Arc::downgrade(&new));
        new
    }
}

impl Group {
    /// A group over a subscription that has begun.
    pub(super) fn new(run: Arc<Run>, responses: BoxStream<'static, Response>) -> Self {
        Self {
            run,
            responses: Turn::new(responses),
            bodies: Mutex::default(),
        }
    }

    /// What the members are told of an event; `None` if the subscription cannot be executed any more.
    pub(super) async fn body(
        &self,
        happened: &Arc<FeedEvent>,
        circumstance: Circumstance,
    ) -> Option<Bytes> {
        let cell = self.cell(happened.position.seq, circumstance);
        cell.get_or_try_init(|| self.execute(happened))
            .await
            .ok()
            .cloned()
    }

    fn cell(&self, seq: i64, circumstance: Circumstance) -> Arc<OnceCell<Bytes>> {
        let mut bodies = self.bodies();
        let at = bodies.partition_point(|kept| kept.seq < seq);
        let Circumstance { snapshot, away } = circumstance;
        let known = bodies.get_mut(at).filter(|kept| kept.seq == seq);
        if let Some(kept) = &known
            && kept.away == away
            && (!snapshot || kept.begun.elapsed() < NOW)
        {
            return Arc::clone(&kept.body);
        }
        let body = Arc::new(OnceCell::new());
        let new = Kept {
            seq,
            away,
            begun: Instant::now(),
            body: Arc::clone(&body),
        };
        match known {
            Some(kept) => *kept = new,
            None => bodies.insert(at, new),
        }
        if bodies.len() > KEPT {
            bodies.pop_front();
        }
        body
    }

    async fn execute(&self, happened: &Arc<FeedEvent>) -> Result<Bytes, ()> {
        let mut responses = self.responses.lock().await;
        self.run.feed(Arc::clone(happened));
        // Whoever fed an event before may have left without its response.
        loop {
            let mut response = responses.next().await.ok_or(())?;
            if self.run.executed() == happened.position.seq {
                mask(&mut response);
                return Ok(json::response(&response));
            }
        }
    }

    fn bodies(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
