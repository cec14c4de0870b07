//! State that stays in memory between transactions, so that they need not read it.
//!
//! It is taken out at the start of a transaction, and put back after the commit. After a failure it
//! is read again from the database, so that it never has more than what was committed.

use entity::Position;
use parking_lot::Mutex;
use store::feed::FeedTransaction;

/// The state, and the position of the feed at which it is valid.
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<Option<(T, Position)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Cached<T> {
    /// Takes the state out, with the `seq` of its position. Returns `None` if there is none, or if
    /// the feed of the transaction has another epoch.
    pub(super) fn take(&self, feed: &FeedTransaction) -> Option<(T, i64)> {
        let (state, position) = self.0.lock().take()?;
        (position.epoch == feed.start().epoch).then_some((state, position.seq))
    }

    /// Puts the state back after the commit of a transaction that ended at `position`.
    pub(super) fn put(&self, state: T, position: Position) {
        *self.0.lock() = Some((state, position));
    }

    /// Makes the next transaction read the state.
    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }
}
