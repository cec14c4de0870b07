//! Gathers what is asked for together and loads it at once.
//!
//! One invariant: a batch takes in whatever is asked for until the task that began it has let others run, so that what
//! the rows of one answer ask for is one load, however many they are. No clock decides, and no task of its own.

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

/// What a batch becomes: driven by whoever of those that wait for it is still there.
type Loading<K, L> = BoxFuture<'static, Loaded<K, L>>;
type Loaded<K, L> = Result<Arc<HashMap<K, <L as Loader<K>>::Value>>, <L as Loader<K>>::Error>;

/// Loads through `L`, in batches.
pub(in crate::graphql) struct Batcher<L> {
    loader: Arc<L>,
    /// The newest batch of each kind of key.
    newest: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

struct Batch<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    keys: Keys<K>,
    loading: WeakShared<Loading<K, L>>,
}

/// The keys of a batch; none once it is being loaded.
type Keys<K> = Arc<Mutex<Option<HashSet<K>>>>;

impl<L> Batcher<L> {
    /// Over a loader.
    pub(in crate::graphql) fn new(loader: L) -> Self {
        Self {
            loader: Arc::new(loader),
            newest: Mutex::default(),
        }
    }

    /// What there is under a key.
    pub(in crate::graphql) async fn load_one<K>(&self, key: K) -> Result<Option<L::Value>, L::Error>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let loaded = self.join(key.clone()).await?;
        Ok(loaded.get(&key).cloned())
    }

    /// Adds a key to the newest batch, or begins one.
    fn join<K>(&self, key: K) -> Shared<Loading<K, L>>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let mut newest = lock(&self.newest);
        let kind = TypeId::of::<K>();
        if let Some(batch) = newest.get(&kind)
            && let Some(batch) = batch.downcast_ref::<Batch<K, L>>()
            && let Some(loading) = batch.loading.upgrade()
            && let Some(keys) = &mut *lock(&batch.keys)
        {
            keys.insert(key);
            return loading;
        }
        let keys: Keys<K> = Arc::new(Mutex::new(Some(HashSet::from([key]))));
        let loading = load(Arc::clone(&self.loader), Arc::clone(&keys))
            .boxed()
            .shared();
        if let Some(weak) = loading.downgrade() {
            let batch = Batch::<K, L> {
                keys,
                loading: weak,
            };
            newest.insert(kind, Box::new(batch));
        }
        loading
    }
}

async fn load<K, L>(loader: Arc<L>, keys: Keys<K>) -> Loaded<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    // A long list may yield before all of it was asked for: whoever still asks keeps the batch open for another turn.
    let asked = || lock(&keys).as_ref().map_or(0, HashSet::len);
    let mut known = 0;
    while known < asked() {
        known = asked();
        next_turn().await;
    }
    let keys = lock(&keys).take();
    let keys: Vec<K> = keys.into_iter().flatten().collect();
    loader.load(&keys).await.map(Arc::new)
}

/// Waits until the runtime's task has asked for everything that it can and yields. Those who share a batch poll it
/// each as they join, which `yield_now` alone would take for the task's return.
async fn next_turn() {
    let turn = Arc::new(Turn::default());
    let waker = task::waker(Arc::clone(&turn));
    let yielded = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
    debug_assert!(yielded.is_pending());
    poll_fn(|cx| {
        turn.task.register(cx.waker());
        if turn.over.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[derive(Default)]
struct Turn {
    over: AtomicBool,
    task: AtomicWaker,
}

impl ArcWake for Turn {
    fn wake_by_ref(turn: &Arc<Self>) {
        turn.over.store(true, Ordering::Release);
        turn.task.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
