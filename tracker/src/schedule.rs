//! The polling schedule: when each symbol is due, within market hours and rate limits, and how long
//! to back off after failures.
//!
//! Everything here is a pure function of its arguments; the poller provides the time and the
//! database.

mod backoff;
mod due;
mod human_duration;
mod plan;
mod unpriced;

pub use self::{
    backoff::{Backoff, MAX_RETRIES, RETRY_REFUSED_AFTER, RETRY_UNKNOWN_AFTER},
    due::{due_at, is_due_soon},
    human_duration::HumanDuration,
    plan::{BudgetLimit, PollPlan, SymbolLoad, plan_polls, reserved_requests},
    unpriced::symbol_interval,
};
