//! A batching loader without timers and background tasks.
//!
//! A batch collects keys until the task that created it yields. So the keys that all rows of a
//! response need are loaded together.

use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    hash::Hash,
    pin::pin,
    sync::{
        Arc,
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
use parking_lot::{Mutex, MutexGuard};

/// The load of a batch. Any waiter drives it, so it completes even if others are dropped.
type Loading<K, L> = BoxFuture<'static, Loaded<K, L>>;
type Loaded<K, L> = Result<Arc<HashMap<K, <L as Loader<K>>::Value>>, <L as Loader<K>>::Error>;

/// Loads values through `L`, in batches.
pub(in crate::graphql) struct Batcher<L> {
    loader: Arc<L>,
    /// The newest batch of each key type.
    newest: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

/// A batch that may still collect keys.
struct OpenBatch<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    keys: Keys<K>,
    loading: WeakShared<Loading<K, L>>,
}

/// The keys of a batch; `None` once they are being loaded.
type Keys<K> = Arc<Mutex<Option<HashSet<K>>>>;

impl<L> Batcher<L> {
    /// Creates a batching loader.
    pub(in crate::graphql) fn new(loader: L) -> Self {
        Self {
            loader: Arc::new(loader),
            newest: Mutex::default(),
        }
    }

    /// Returns the value of a key, or `None` if it does not exist.
    pub(in crate::graphql) async fn load_one<K>(&self, key: K) -> Result<Option<L::Value>, L::Error>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let loaded = self.join(key.clone()).await?;
        Ok(loaded.get(&key).cloned())
    }

    /// Adds a key to the newest open batch, or opens one.
    fn join<K>(&self, key: K) -> Shared<Loading<K, L>>
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        L: Loader<K, Error: Sync>,
    {
        let mut newest = lock(&self.newest);
        let key_type = TypeId::of::<K>();
        if let Some(batch) = newest.get(&key_type)
            && let Some(batch) = batch.downcast_ref::<OpenBatch<K, L>>()
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
            let batch = OpenBatch::<K, L> {
                keys,
                loading: weak,
            };
            newest.insert(key_type, Box::new(batch));
        }
        loading
    }
}

async fn load<K, L>(loader: Arc<L>, keys: Keys<K>) -> Loaded<K, L>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    L: Loader<K>,
{
    // A long list may yield before it has added all its keys, so the batch stays open while it
    // grows.
    let count = || lock(&keys).as_ref().map_or(0, HashSet::len);
    let mut seen = 0;
    while seen < count() {
        seen = count();
        task_yielded().await;
    }
    let keys = lock(&keys).take();
    let keys: Vec<K> = keys.into_iter().flatten().collect();
    loader.load(&keys).await.map(Arc::new)
}

/// Waits until the current task has yielded to the runtime and runs again. `yield_now` alone is not
/// enough: each waiter that joins the batch polls this future within the same run of the task.
async fn task_yielded() {
    let signal = Arc::new(YieldSignal::default());
    let waker = task::waker(Arc::clone(&signal));
    let yielded = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
    debug_assert!(yielded.is_pending());
    poll_fn(|cx| {
        signal.task.register(cx.waker());
        if signal.done.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Wakes the waiting task in a later turn of the runtime.
#[derive(Default)]
struct YieldSignal {
    done: AtomicBool,
    task: AtomicWaker,
}

impl ArcWake for YieldSignal {
    fn wake_by_ref(signal: &Arc<Self>) {
        signal.done.store(true, Ordering::Release);
        signal.task.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
