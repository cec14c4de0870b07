//! A configured provider, and what the loop knows of how it is doing.
//!
//! One invariant: whether a provider may be asked now is decided here alone, from what it and its budget said before;
//! the [loop](super::polling) asks the first in order that may.

use std::{sync::Arc, time::Duration};

use entity::{ProviderState, Timestamp};
use runtime::random::Random;

use crate::{
    provider::{Budget, DayZone, Pace, PollError, QuoteProvider},
    schedule::Backoff,
};

/// So many failures in a row open the breaker: then one request at a time is tried.
const BREAKER: u32 = 3;
/// A provider that asks for more patience than this is passed over for the next one.
const SHORT_PATIENCE: Duration = Duration::from_mins(1);
/// The least time between two requests, if the plan does not allow for less: free plans refuse bursts.
const GAP: Duration = Duration::from_millis(1_100);
/// The most patience that is granted.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It may.
    Ready,
    /// Not yet, though it is its turn.
    Waits(Timestamp),
    /// Not for long, or never again: the next one is asked.
    PassedOver(Option<Timestamp>),
}

/// One provider of the fallback order.
pub(super) struct Seat {
    pub(super) provider: Arc<dyn QuoteProvider>,
    pub(super) budget: Budget,
    /// Its place in the fallback order.
    pub(super) rank: i32,
    /// Requests under way.
    pub(super) running: usize,
    refused: bool,
    spent_until: Option<Timestamp>,
    patience_until: Option<Timestamp>,
    not_before: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
    breaker: Backoff,
}

impl Seat {
    pub(super) fn new(rank: i32, provider: Arc<dyn QuoteProvider>) -> Self {
        let budget = match provider.pace() {
            Pace::Polled { budget, .. } => budget,
            Pace::Driven { .. } => Budget {
                per_minute: None,
                per_day: None,
                day: DayZone::Utc,
            },
        };
        Self {
            provider,
            budget,
            rank,
            running: 0,
            refused: false,
            spent_until: None,
            patience_until: None,
            not_before: None,
            failures: 0,
            breaker: Backoff::default(),
        }
    }

    pub(super) fn readiness(&self, now: Timestamp) -> Readiness {
        let ahead = |until: Option<Timestamp>| until.filter(|until| *until > now);
        if self.refused {
            return Readiness::PassedOver(None);
        }
        if let Some(until) = ahead(self.spent_until).or_else(|| self.breaker.waits_until(now)) {
            return Readiness::PassedOver(Some(until));
        }
        if self.is_failing() && self.running > 0 {
            // One request tries it; the others need not wait for what comes of it.
            return Readiness::PassedOver(Some(now.after(SHORT_PATIENCE)));
        }
        match ahead(self.patience_until.max(self.not_before)) {
            Some(until) if until.since(now) > SHORT_PATIENCE => Readiness::PassedOver(Some(until)),
            Some(until) => Readiness::Waits(until),
            None => Readiness::Ready,
        }
    }

    /// As [`Self::readiness`] for somebody who waits: only the provider itself can say that it is spent.
    pub(super) fn readiness_on_request(&self, now: Timestamp) -> Readiness {
        match (self.refused, self.not_before.filter(|until| *until > now)) {
            (true, _) => Readiness::PassedOver(None),
            (false, Some(until)) if until.since(now) <= GAP => Readiness::Waits(until),
            (false, _) => match self.patience_until.filter(|until| *until > now) {
                Some(until) => Readiness::PassedOver(Some(until)),
                None => Readiness::Ready,
            },
        }
    }

    /// A request is on its way.
    pub(super) fn asked(&mut self, now: Timestamp) {
        self.running += 1;
        let gap = self
            .budget
            .per_minute
            .map(|limit| GAP.min(Duration::from_mins(1) / limit.max(1)));
        self.not_before = gap.map(|gap| now.after(gap)).max(self.not_before);
    }

    /// It answered.
    pub(super) fn answered(&mut self) {
        self.failures = 0;
        self.breaker.succeed();
    }

    /// Its budget has nothing left until then: of a minute, so that it waits, or of a day.
    pub(super) fn minute_spent(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(Some(until));
    }

    pub(super) fn day_spent(&mut self, until: Timestamp) {
        self.spent_until = Some(until);
    }

    /// It failed a symbol. What concerns only that symbol is the loop's.
    pub(super) fn failed(&mut self, error: &PollError, now: Timestamp, random: &Random) {
        match error {
            PollError::NoQuote | PollError::UnknownSymbol => self.answered(),
            PollError::NotEntitled => {}
            PollError::RateLimited { wait } => {
                self.patience_until = Some(now.after((*wait).min(MOST_PATIENCE)));
            }
            PollError::BudgetSpent => self.day_spent(self.budget.day.next_midnight(now)),
            PollError::Refused { .. } => self.refused = true,
            PollError::Malformed { .. } | PollError::Timeout | PollError::Upstream { .. } => {
                if let Some(wait) = error.wait() {
                    self.patience_until = Some(now.after(wait.min(MOST_PATIENCE)));
                }
                self.failures = self.failures.saturating_add(1);
                if self.is_failing() {
                    self.breaker.fail(now, None, random);
                }
            }
        }
    }

    fn is_failing(&self) -> bool {
        self.failures >= BREAKER
    }

    /// How it is doing, for `status`; `in_use` is whether it is its turn.
    pub(super) fn state(&self, in_use: bool, now: Timestamp) -> ProviderState {
        let ahead = |until: Option<Timestamp>| until.is_some_and(|until| until > now);
        if self.refused {
            ProviderState::Refused
        } else if ahead(self.spent_until) {
            ProviderState::BudgetSpent
        } else if ahead(self.patience_until) {
            ProviderState::RateLimited
        } else if self.is_failing() {
            ProviderState::Failing
        } else if in_use {
            ProviderState::Ok
        } else {
            ProviderState::Standby
        }
    }
}
