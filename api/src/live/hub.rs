//! What happened lately, and everybody who waits for more.
//!
//! One invariant: the hub holds an unbroken run of the feed that ends where this process has read to, and a reader that
//! joins at a place gets everything after it, once, in order: what is in the run at once, the rest as it is published.
//! When the feed's thread is lost, the readers are told up to where they have everything. Publishing costs what the interested readers cost, and waits for none of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use entity::{Batch, Position};
use tokio::time::Instant;

use super::{
    event::Run,
    inbox::{Dismissed, Inbox, Interest, Reader},
};

/// How long after a look at the feed the next one is due at the latest: it takes a second, unless something is wrong.
const LOOK: Duration = Duration::from_secs(5);

/// How far anybody may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Events that the hub keeps for those who come back.
    pub(crate) kept: usize,
    /// Events that a reader from whom nothing is kept may be behind.
    pub(crate) behind: usize,
    /// Bytes that they may come to, by the size of the largest that such a reader was told.
    pub(crate) bytes: usize,
    /// Rows that are read at once for somebody from further away than is kept.
    pub(crate) page: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            kept: 4096,
            behind: 1000,
            bytes: 4 << 20,
            page: 500,
        }
    }
}

/// The hub; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    bounds: Bounds,
    /// Microseconds from the last batch's recording to its publication.
    lag: AtomicU64,
    /// When the feed was last looked at.
    looked: Mutex<Instant>,
}

#[derive(Debug)]
struct State {
    run: Run,
    /// How many feeds there were before this one.
    life: u64,
    /// The number of the next reader.
    next: u64,
    /// Readers of every stock.
    of_all: Readers,
    /// Readers of some stocks, by stock.
    of_stock: HashMap<i64, Readers>,
    /// How many there are.
    readers: usize,
}

type Readers = HashMap<u64, Arc<Inbox>>;

impl Hub {
    /// A hub that has read the feed up to `position` and keeps what comes after it.
    pub(crate) fn at(position: Position, bounds: Bounds) -> Self {
        let state = State {
            run: Run::at(position, bounds.kept),
            life: 0,
            next: 0,
            of_all: Readers::new(),
            of_stock: HashMap::new(),
            readers: 0,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            bounds,
            lag: AtomicU64::new(0),
            looked: Mutex::new(Instant::now()),
        }))
    }

    /// Where this process has read to.
    pub(crate) fn position(&self) -> Position {
        self.state().run.end()
    }

    /// How far anybody may be behind.
    pub(crate) fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    /// How many follow.
    pub(crate) fn readers(&self) -> usize {
        self.state().readers
    }

    /// How far this is behind the committed feed: as long as the last batch took from its recording to here, or since
    /// when nobody knows.
    pub(crate) fn lag(&self) -> Duration {
        let last = Duration::from_micros(self.0.lag.load(Ordering::Relaxed));
        last.max(self.blindness().unwrap_or_default())
    }

    /// For how long the feed could not be looked at, once that is too long.
    pub(crate) fn blindness(&self) -> Option<Duration> {
        let elapsed = self.looked().elapsed();
        (elapsed > LOOK).then_some(elapsed)
    }

    /// Notes that the feed was looked at just now: what it has is about to be published.
    pub(crate) fn look(&self) {
        *self.looked() = Instant::now();
    }

    fn looked(&self) -> MutexGuard<'_, Instant> {
        self.0.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch to everybody who waits for it, `lag` after it was recorded. Batches come in feed order.
    pub(crate) fn publish(&self, batch: Batch, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.0.lag.store(micros, Ordering::Relaxed);
        let mut state = self.state();
        let State {
            run,
            of_all,
            of_stock,
            ..
        } = &mut *state;
        for happened in run.extend(batch) {
            let stock = happened.stock_id();
            let interested = of_stock.get(&stock).into_iter().flat_map(Readers::values);
            for inbox in of_all.values().chain(interested) {
                inbox.put(happened);
            }
        }
        run.forget();
    }

    /// Begins anew at `position`, after a gap: readers get what waits for them and then part from the hub.
    pub(crate) fn restart(&self, position: Position) {
        self.begin_anew(position, 0, Inbox::cut);
    }

    /// Begins anew at `position` of another feed: readers are let go, as nobody can tell them how what they know leads
    /// there.
    pub(crate) fn replace(&self, position: Position) {
        self.begin_anew(position, 1, |inbox, _| inbox.let_go());
    }

    /// Parts from every reader; `part` is given where the run ended that they read.
    fn begin_anew(&self, position: Position, lives: u64, part: impl Fn(&Inbox, Position)) {
        let mut state = self.state();
        let end = state.run.end();
        state.life += lives;
        state.run = Run::at(position, self.0.bounds.kept);
        // Who parts still leaves, but of the new readers' maps: numbers are never used twice.
        let of_all = std::mem::take(&mut state.of_all);
        let of_stock = std::mem::take(&mut state.of_stock);
        drop(state);
        let of_stock = of_stock.values().flat_map(Readers::values);
        for inbox in of_all.values().chain(of_stock) {
            part(inbox, end);
        }
    }

    /// Which feed this is, counted from 0.
    pub(crate) fn life(&self) -> u64 {
        self.state().life
    }

    /// Whether what is known here has what `position` says; `None` if it is not known here.
    pub(crate) fn has(&self, position: Position) -> Option<bool> {
        self.state().run.has(position)
    }

    /// Follows what `interest` selects from after `position`; `None` if the hub no longer knows what came then, or has
    /// another feed, when the reader is let go.
    pub(crate) fn join(&self, interest: Interest, position: Position) -> Option<Reader> {
        let mut state = self.state();
        if interest.life != state.life {
            interest.dismissal.dismiss(Dismissed::Replaced);
            return None;
        }
        let missed = state.run.after(position)?;
        let inbox = Arc::new(Inbox::new(&interest, position.seq, missed));
        let id = state.next;
        state.next += 1;
        state.readers += 1;
        match &interest.stocks {
            None => {
                state.of_all.insert(id, Arc::clone(&inbox));
            }
            Some(stocks) => {
                for stock in stocks {
                    state
                        .of_stock
                        .entry(*stock)
                        .or_default()
                        .insert(id, Arc::clone(&inbox));
                }
            }
        }
        drop(state);
        Some(Reader::new(self.clone(), id, interest.stocks, inbox))
    }

    pub(super) fn leave(&self, id: u64, stocks: Option<&[i64]>) {
        let mut state = self.state();
        state.readers -= 1;
        let Some(stocks) = stocks else {
            state.of_all.remove(&id);
            return;
        };
        for stock in stocks {
            if let Some(readers) = state.of_stock.get_mut(stock) {
                readers.remove(&id);
                if readers.is_empty() {
                    state.of_stock.remove(stock);
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
