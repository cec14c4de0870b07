//! How events reach one subscriber: what is skipped for it, and what is said of that.
//!
//! One invariant: what is skipped is counted in the next delivery of the same symbol, so that the counts over a
//! subscription add up to exactly what was skipped.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{Value, value};

use crate::hub::Tailed;

/// What a payload's `extensions.delivery` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// How many events of the same symbol were skipped before this one.
    pub(super) missed: u64,
    /// Whether it is part of what a subscription begins with.
    pub(super) snapshot: bool,
}

/// Something to tell, and what is special about it.
pub(super) struct Delivery<T> {
    pub(super) told: T,
    pub(super) note: Note,
}

impl Note {
    /// The extension, if there is something to say.
    pub(super) fn extension(self) -> Option<Value> {
        match self {
            Self {
                missed: 0,
                snapshot: false,
            } => None,
            Self {
                missed: 0,
                snapshot: true,
            } => Some(value!({ "snapshot": true })),
            Self { missed, .. } => Some(value!({ "missed": missed })),
        }
    }
}

impl<T: Tailed> Delivery<T> {
    /// As it happened.
    pub(super) fn live(told: T) -> Self {
        Self {
            told,
            note: Note::default(),
        }
    }

    /// As it was when the subscription began.
    pub(super) fn snapshot(told: T) -> Self {
        Self {
            told,
            note: Note {
                snapshot: true,
                missed: 0,
            },
        }
    }

    /// The latest of each stock, in feed order, with the number of earlier ones that are not told.
    pub(super) fn conflated(events: Vec<T>) -> Vec<Self> {
        let mut left: HashMap<i64, u64> = HashMap::new();
        for event in &events {
            *left.entry(event.stock_id()).or_default() += 1;
        }
        let counts = left.clone();
        let mut latest = Vec::with_capacity(left.len());
        for told in events {
            let stock = told.stock_id();
            let Some(left) = left.get_mut(&stock) else {
                continue;
            };
            *left -= 1;
            if *left == 0 {
                let missed = counts.get(&stock).map_or(0, |count| count - 1);
                latest.push(Self {
                    told,
                    note: Note {
                        missed,
                        snapshot: false,
                    },
                });
            }
        }
        latest
    }
}

/// What one subscription and the executor tell each other: events are executed one at a time, so that the note left here
/// is that of the next response.
#[derive(Debug, Default)]
pub(super) struct Run {
    started: AtomicBool,
    lagging: AtomicBool,
    note: Mutex<Note>,
}

impl Run {
    /// The arguments are good; what follows are events.
    pub(super) fn start(&self) {
        self.started.store(true, Ordering::Release);
    }

    /// Whether it was [started](Self::start).
    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// The subscriber is too far behind.
    pub(super) fn lag(&self) {
        self.lagging.store(true, Ordering::Release);
    }

    /// Whether it [lags](Self::lag).
    pub(super) fn is_lagging(&self) -> bool {
        self.lagging.load(Ordering::Acquire)
    }

    /// Leaves the note of the event that is executed next.
    pub(super) fn deliver(&self, note: Note) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    /// Takes the note of the event that was executed last.
    pub(super) fn take_note(&self) -> Note {
        std::mem::take(&mut self.note.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
