//! When to ask for which symbol.
//!
//! One invariant: everything here is a pure function of what it is given; the clock, the database and the dice are the
//! engine's. `status` and the metrics read the same plan that the engine follows.

mod backoff;
mod due;
mod interval;
mod spoken;
mod unpriced;

pub use self::{
    backoff::{Backoff, RETRIES, RETRY_REFUSED_AFTER, RETRY_UNKNOWN_AFTER},
    due::due_at,
    interval::{Limit, Planned, PlannedSymbol, planned, reserve},
    spoken::Spoken,
    unpriced::interval_of,
};
