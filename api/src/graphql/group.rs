//! Executes each event once for everybody who asked the same.
//!
//! One invariant: a group's bodies are those that each of its members would have got alone; who comes first to an event
//! has it executed, the rest take the same bytes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_graphql::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::{Mutex as Turn, OnceCell};

use super::{fault::mask, json, run::Run};
use crate::{access::Viewer, hub::Happened};

/// How many bodies a group keeps for its slower members; what is older is executed again.
const KEPT: usize = 64;

/// Those who ask the same: who may read what of which event.
pub(super) type Key = (String, Viewer);

/// All groups; one lives as long as it has members.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(Arc<Mutex<HashMap<Key, Weak<Group>>>>);

/// Those who asked the same.
pub(super) struct Group {
    run: Arc<Run>,
    /// The library's execution of the subscription, which is fed one event at a time.
    responses: Turn<BoxStream<'static, Response>>,
    bodies: Mutex<VecDeque<(i64, Arc<OnceCell<Bytes>>)>>,
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
    pub(super) async fn body(&self, happened: &Arc<Happened>) -> Option<Bytes> {
        let cell = self.cell(happened.position.seq);
        cell.get_or_try_init(|| self.execute(happened))
            .await
            .ok()
            .cloned()
    }

    fn cell(&self, seq: i64) -> Arc<OnceCell<Bytes>> {
        let mut bodies = self.bodies();
        let at = bodies.partition_point(|(kept, _)| *kept < seq);
        if let Some((kept, cell)) = bodies.get(at)
            && *kept == seq
        {
            return Arc::clone(cell);
        }
        let cell = Arc::new(OnceCell::new());
        bodies.insert(at, (seq, Arc::clone(&cell)));
        if bodies.len() > KEPT {
            bodies.pop_front();
        }
        cell
    }

    async fn execute(&self, happened: &Arc<Happened>) -> Result<Bytes, ()> {
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

    fn bodies(&self) -> MutexGuard<'_, VecDeque<(i64, Arc<OnceCell<Bytes>>)>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
