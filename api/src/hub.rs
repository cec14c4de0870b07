//! What happened lately, and everybody who waits for more.
//!
//! One invariant: the hub holds an unbroken run of the feed that ends where this process has read to, and a reader that
//! joins at a place gets everything after it, once, in order: what is in the run at once, the rest as it is published.
//! When the feed's thread is lost, the readers are told up to where they have everything. Publishing costs what the interested readers cost, and waits for none of them.

mod bound;
mod follow;
mod inbox;
mod reader;
mod run;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use entity::{Batch, Position};

pub(crate) use self::{
    bound::Bounds,
    follow::follow,
    inbox::{Interest, Largest, Pace, Parted},
    reader::Reader,
    run::Happened,
};
use self::{inbox::Inbox, run::Run};

/// The hub; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    bounds: Bounds,
    /// Microseconds from the last batch's recording to its publication.
    lag: AtomicU64,
}

#[derive(Debug)]
struct State {
    run: Run,
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
            next: 0,
            of_all: Readers::new(),
            of_stock: HashMap::new(),
            readers: 0,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            bounds,
            lag: AtomicU64::new(0),
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

    /// How long the last batch took from its recording to here.
    pub(crate) fn lag(&self) -> Duration {
        Duration::from_micros(self.0.lag.load(Ordering::Relaxed))
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
        let mut state = self.state();
        let end = state.run.end();
        state.run = Run::at(position, self.0.bounds.kept);
        // Who parts still leaves, but of the new readers' maps: numbers are never used twice.
        let of_all = std::mem::take(&mut state.of_all);
        let of_stock = std::mem::take(&mut state.of_stock);
        drop(state);
        let of_stock = of_stock.values().flat_map(Readers::values);
        for inbox in of_all.values().chain(of_stock) {
            inbox.cut(end);
        }
    }

    /// Follows what `interest` selects from after `position`; `None` if the hub no longer knows what came then.
    pub(crate) fn join(&self, interest: Interest, position: Position) -> Option<Reader> {
        let mut state = self.state();
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

    fn leave(&self, id: u64, stocks: Option<&[i64]>) {
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
