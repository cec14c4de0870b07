//! A batching loader: keys requested at the same time are loaded together.
//!
//! A batch accepts keys until the task that began it has yielded to the runtime, so the rows of one
//! response share one load, however many they are. It needs neither a timer nor a task.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    hash::Hash,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use async_graphql::dataloader::Loader;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
    task::{self, ArcWake, AtomicWaker},
};

/// The load of a batch. Any of the futures that wait for it drives it.
type Load<K, L> = BoxFuture<'static, Loaded<K, L>>;
type Loaded<K, L> = Result<Arc<HashMap<K, <L as Loader<K>>::Value>>, <L as Loader<K>>::Error>;

/// Loads through `L`, in batches.
pub(in crate::graphql) struct Batcher<L> {
    loader: Arc<L>,
    /// The newest [`PendingBatch`] of each type of key.
    newest: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

/// A batch that may still accept keys.
struct PendingBatch<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    keys: Keys<K>,
    load: WeakShared<Load<K, L>>,
}

/// The keys of a batch; `None` once their load has started.
type Keys<K> = Arc<Mutex<Option<HashSet<K>>>>;

impl<L> Batcher<L> {
    /// A batcher without batches.
    pub(in crate::graphql) fn new(loader: L) -> Self {
        Self {
            loader: Arc::new(loader),
            newest: Mutex::default(),
        }
    }

    /// Loads the value of a key, or `None` if it has none.
    pub(in crate::graphql) async fn load_one<K>(&self, key: K) -> Result<Option<L::Value>, L::Error>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let loaded = self.join(key.clone()).await?;
        Ok(loaded.get(&key).cloned())
    }

    /// Adds a key to the newest batch, or begins one.
    fn join<K>(&self, key: K) -> Shared<Load<K, L>>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let mut newest = lock(&self.newest);
        let key_type = TypeId::of::<K>();
        if let Some(batch) = newest.get(&key_type)
            && let Some(batch) = batch.downcast_ref::<PendingBatch<K, L>>()
            && let Some(load) = batch.load.upgrade()
            && let Some(keys) = &mut *lock(&batch.keys)
        {
            keys.insert(key);
            return load;
        }
        let keys: Keys<K> = Arc::new(Mutex::new(Some(HashSet::from([key]))));
        let load = load(Arc::clone(&self.loader), Arc::clone(&keys))
            .boxed()
            .shared();
        if let Some(weak) = load.downgrade() {
            let batch = PendingBatch::<K, L> { keys, load: weak };
            newest.insert(key_type, Box::new(batch));
        }
        load
    }
}

/// Waits until no more keys arrive, then loads them.
async fn load<K, L>(loader: Arc<L>, keys: Keys<K>) -> Loaded<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    // A long list may yield before it has requested all its keys. While keys arrive, the batch stays
    // open for another turn.
    let count = || lock(&keys).as_ref().map_or(0, HashSet::len);
    let mut known = 0;
    while known < count() {
        known = count();
        next_turn().await;
    }
    let keys = lock(&keys).take();
    let keys: Vec<K> = keys.into_iter().flatten().collect();
    loader.load(&keys).await.map(Arc::new)
}

/// Waits until the task has yielded to the runtime and is polled again. A plain `yield_now` would
/// return too early: every future that joins a batch polls it, within the same turn of the task.
async fn next_turn() {
    let turn = Arc::new(Turn::default());
    let waker = task::waker(Arc::clone(&turn));
    let yielded = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
    debug_assert!(yielded.is_pending());
    poll_fn(|cx| {
        turn.task.register(cx.waker());
        if turn.is_over.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// The turn of a task, from one yield to the next. As a waker, it is woken when the turn is over.
#[derive(Default)]
struct Turn {
    is_over: AtomicBool,
    task: AtomicWaker,
}

impl ArcWake for Turn {
    fn wake_by_ref(turn: &Arc<Self>) {
        turn.is_over.store(true, Ordering::Release);
        turn.task.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
