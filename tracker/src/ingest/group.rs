//! Stores batches that arrive while a transaction runs in the next one (group commit).
//!
//! The first caller that waits stores the batches of all others that can be combined with its own.
//! One transaction runs at a time, so that the next one begins when the rules and the state are put
//! back.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::{MutexGuard, oneshot};

use super::{IngestReport, QuoteBatch};

/// Maximum number of quotes of a combined batch.
const MAX_QUOTES: usize = 1_000;

type Stored = Result<IngestReport, store::Error>;

/// The batches that wait to be stored.
#[derive(Debug, Default)]
pub(super) struct CommitQueue {
    /// Held while a transaction runs.
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<VecDeque<Waiting>>,
}

/// A batch, and where to send its result.
#[derive(Debug)]
struct Waiting {
    batch: Arc<QuoteBatch>,
    stored: oneshot::Sender<Stored>,
}

impl CommitQueue {
    /// Waits until no transaction runs, and prevents others.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Stores a batch with `store`, perhaps in one call with others.
    ///
    /// If a combined batch fails, each of its batches is stored alone, so that none fails because
    /// of another.
    pub(super) async fn store<F: Future<Output = Stored>>(
        &self,
        batch: QuoteBatch,
        store: impl Fn(Arc<QuoteBatch>) -> F,
    ) -> Stored {
        let batch = Arc::new(batch);
        let (sender, mut stored) = oneshot::channel();
        self.waiting.lock().push_back(Waiting {
            batch: Arc::clone(&batch),
            stored: sender,
        });
        let _turn = tokio::select! {
            biased;
            Ok(stored) = &mut stored => return stored,
            turn = self.turn() => turn,
        };
        loop {
            match stored.try_recv() {
                Ok(stored) => return stored,
                Err(oneshot::error::TryRecvError::Closed) => return store(batch).await,
                Err(oneshot::error::TryRecvError::Empty) => self.store_next(&store).await,
            }
        }
    }

    /// Stores the batch that has waited longest, with those after it that can be combined with it.
    async fn store_next<F: Future<Output = Stored>>(&self, store: &impl Fn(Arc<QuoteBatch>) -> F) {
        let Some((batch, mut senders)) = self.take() else {
            return;
        };
        let stored = store(batch).await;
        if senders.len() == 1 {
            // Sending fails if the caller has stopped waiting.
            let _ = senders.remove(0).send(stored);
        } else if let Ok(report) = stored {
            for sender in senders {
                let _ = sender.send(Ok(report));
            }
        }
    }

    /// Removes the next batches, and combines them.
    fn take(&self) -> Option<(Arc<QuoteBatch>, Vec<oneshot::Sender<Stored>>)> {
        let mut waiting = self.waiting.lock();
        waiting.retain(|it| !it.stored.is_closed());
        let first = waiting.pop_front()?;
        let (mut batch, mut senders) = (first.batch, vec![first.stored]);
        while let Some(next) = waiting.pop_front_if(|next| can_combine(&batch, &next.batch)) {
            let quotes = next.batch.quotes.iter().cloned();
            Arc::make_mut(&mut batch).quotes.extend(quotes);
            senders.push(next.stored);
        }
        Some((batch, senders))
    }
}

/// Whether two batches of quotes give the same as one after the other.
fn can_combine(first: &QuoteBatch, second: &QuoteBatch) -> bool {
    let has_only_quotes = |it: &QuoteBatch| {
        !it.is_replayed()
            && it.track.is_none()
            && it.quoteless.is_empty()
            && it.confirmed.is_empty()
    };
    has_only_quotes(first)
        && has_only_quotes(second)
        && first.provider == second.provider
        && first.reports_splits == second.reports_splits
        && first.quotes.len() + second.quotes.len() <= MAX_QUOTES
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use entity::Decimal;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::quote::{PreviousClose, Quote};

    /// What stores batches in the tests.
    struct Storing {
        queue: CommitQueue,
        /// The number of transactions that may run.
        running: Semaphore,
        /// The number of quotes of each transaction.
        stored: Mutex<Vec<usize>>,
        fails: fn(usize) -> bool,
    }

    impl Storing {
        fn new(fails: fn(usize) -> bool) -> Arc<Self> {
            Arc::new(Self {
                queue: CommitQueue::default(),
                running: Semaphore::new(0),
                stored: Mutex::default(),
                fails,
            })
        }

        async fn store(self: Arc<Self>, batch: QuoteBatch) -> Stored {
            let store = async |batch: Arc<QuoteBatch>| {
                self.running.acquire().await.expect("a permit").forget();
                let prices = batch.quotes.len();
                self.stored.lock().push(prices);
                if (self.fails)(prices) {
                    return Err(store::Error::MissingRow("none".into()));
                }
                Ok(IngestReport {
                    prices,
                    ..IngestReport::default()
                })
            };
            self.queue.store(batch, store).await
        }

        /// Polls each batch once, in order, and then all of them to the end.
        async fn store_all(self: &Arc<Self>, batches: Vec<QuoteBatch>) -> Vec<Option<usize>> {
            let mut storing = Vec::new();
            for batch in batches {
                let mut future = Box::pin(Arc::clone(self).store(batch));
                assert!(futures_util::poll!(&mut future).is_pending());
                storing.push(future);
            }
            self.running.add_permits(100);
            let stored = futures_util::future::join_all(storing).await.into_iter();
            stored.map(|it| it.ok().map(|it| it.prices)).collect()
        }
    }

    fn batch(quotes: usize) -> QuoteBatch {
        let quote = Quote {
            previous_close: PreviousClose::None,
            ..Quote::new(
                "AAPL".parse().expect("a symbol"),
                Decimal::from_int(1),
                NaiveDate::default(),
            )
        };
        QuoteBatch {
            quotes: vec![quote; quotes],
            ..QuoteBatch::default()
        }
    }

    #[tokio::test]
    async fn batches_that_wait_are_stored_together() {
        let storing = Storing::new(|_| false);
        let reports = storing.store_all(vec![batch(1), batch(2), batch(3)]).await;
        assert_eq!(*storing.stored.lock(), [1, 5]);
        assert_eq!(reports, [Some(1), Some(5), Some(5)]);
    }

    #[tokio::test]
    async fn batches_that_cannot_be_combined_are_stored_in_order() {
        let storing = Storing::new(|_| false);
        let quoteless = QuoteBatch {
            quoteless: vec!["IBM".parse().expect("a symbol")],
            ..batch(4)
        };
        let batches = vec![batch(1), batch(2), quoteless, batch(1_000), batch(1)];
        let reports = storing.store_all(batches).await;
        assert_eq!(*storing.stored.lock(), [1, 2, 4, 1_000, 1]);
        assert_eq!(reports, [1, 2, 4, 1_000, 1].map(Some));
    }

    #[tokio::test]
    async fn batches_that_fail_together_are_stored_alone() {
        let storing = Storing::new(|quotes| quotes >= 3);
        let reports = storing.store_all(vec![batch(1), batch(2), batch(3)]).await;
        assert_eq!(*storing.stored.lock(), [1, 5, 2, 3]);
        assert_eq!(reports, [Some(1), Some(2), None]);
    }

    #[tokio::test]
    async fn a_caller_that_stopped_waiting_stores_nothing() {
        let storing = Storing::new(|_| false);
        let mut first = Box::pin(Arc::clone(&storing).store(batch(1)));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(Arc::clone(&storing).store(batch(2)));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(second);
        let mut third = Box::pin(Arc::clone(&storing).store(batch(3)));
        assert!(futures_util::poll!(&mut third).is_pending());
        storing.running.add_permits(100);
        assert!(first.await.is_ok() && third.await.is_ok());
        assert_eq!(*storing.stored.lock(), [1, 3]);
    }
}
