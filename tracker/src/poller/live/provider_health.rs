//! A configured provider, and what the loop knows of how it is doing.
//!
//! One invariant: whether a provider may be asked now is decided here alone, from what it and its budget said before;
//! the [loop](super) asks the first in order that may.

mod status;

use std::{sync::Arc, time::Duration};

use entity::Timestamp;
use runtime::random::Random;

use crate::{
    provider::{Budget, DayZone, Pace, PollError, QuoteProvider},
    schedule::{Backoff, Planned, RETRIES, RETRY_REFUSED_AFTER},
};

/// So many failures in a row open the breaker: then one request at a time is tried.
const BREAKER: u32 = 3;
/// A provider that asks for more patience than this is passed over for the next one.
const SHORT_PATIENCE: Duration = Duration::from_mins(1);
/// The least time between two requests, if the plan does not allow for less: free plans refuse bursts.
const GAP: Duration = Duration::from_millis(1_100);
/// The most patience that is granted.
const MOST_PATIENCE: Duration = Duration::from_hours(1);

/// So many answers that the plan includes nothing of what was asked say it of the whole provider, if it never quoted
/// anything: a small budget shall not be spent on asking for every symbol of a long list.
const UNENTITLED: u32 = 10;

/// Whether a provider may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It may.
    Ready,
    /// Not yet, though it is its turn.
    Waits(Timestamp),
    /// Not for long: the next one is asked.
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
    /// The pace that was last logged, which is done only while it is its turn.
    pub(super) told: Option<Planned>,
    refusal: Option<Refusal>,
    /// Answers in a row that the plan includes nothing of it; `None` once it has quoted something.
    unentitled: Option<u32>,
    spent: Option<Spent>,
    patience_until: Option<Timestamp>,
    not_before: Option<Timestamp>,
    /// How often it answered.
    answers: u64,
    /// Until when its day has no retry left.
    retries_spent_until: Option<Timestamp>,
    /// Failures in a row.
    failures: u32,
    /// The last of them, in words for people.
    fault: String,
    breaker: Backoff,
    /// Requests that failed while the breaker was open.
    probes: Counted,
    /// Retries since it last answered.
    retries: Counted,
}

/// How often something happened in an interval, which begins with the first time.
#[derive(Clone, Copy, Debug, Default)]
struct Counted(Option<(Timestamp, u32)>);

impl Counted {
    fn count(self, interval: Duration, now: Timestamp) -> u32 {
        let counted = self.0.filter(|(since, _)| now.since(*since) < interval);
        counted.map_or(0, |(_, count)| count)
    }

    fn add(&mut self, interval: Duration, now: Timestamp) {
        let count = self.count(interval, now);
        let since = self.0.filter(|_| count > 0).map_or(now, |(since, _)| since);
        self.0 = Some((since, count + 1));
    }
}

/// A refusal of everything. It is one until an answer proves the contrary.
#[derive(Debug)]
struct Refusal {
    error: PollError,
    /// Until when to take its word: then one request at a time is tried.
    until: Timestamp,
}

/// A day's budget of which the plan has nothing left.
#[derive(Clone, Copy, Debug)]
struct Spent {
    until: Timestamp,
    /// Whether its reserve is left, for those who ask by themselves.
    reserve_left: bool,
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
            told: None,
            refusal: None,
            unentitled: Some(0),
            spent: None,
            patience_until: None,
            not_before: None,
            answers: 0,
            retries_spent_until: None,
            failures: 0,
            fault: String::new(),
            breaker: Backoff::default(),
            probes: Counted::default(),
            retries: Counted::default(),
        }
    }

    pub(super) fn readiness(&self, now: Timestamp) -> Readiness {
        let ahead = |until: Option<Timestamp>| until.filter(|until| *until > now);
        let refused_until = ahead(self.refusal.as_ref().map(|refusal| refusal.until));
        if refused_until.is_some() {
            return Readiness::PassedOver(refused_until);
        }
        let spent_until = ahead(self.spent.map(|spent| spent.until));
        if let Some(until) = spent_until.or_else(|| self.breaker.waits_until(now)) {
            return Readiness::PassedOver(Some(until));
        }
        if (self.is_failing() || self.is_refused()) && self.running > 0 {
            // One request tries it; the others need not wait for what comes of it.
            return Readiness::PassedOver(Some(now.after(SHORT_PATIENCE)));
        }
        let unproven = self.budget.per_day.is_some() && self.answers == 0;
        if (unproven || self.is_faulty()) && self.running > 0 {
            // A day's budget is not spent on several requests that may all fail.
            return Readiness::Waits(now.after(GAP));
        }
        match ahead(self.patience_until.max(self.not_before)) {
            Some(until) if until.since(now) > SHORT_PATIENCE => Readiness::PassedOver(Some(until)),
            Some(until) => Readiness::Waits(until),
            None => Readiness::Ready,
        }
    }

    /// As [`Self::readiness`] for somebody who waits: only the provider itself can say that it is spent.
    pub(super) fn readiness_on_request(&self, now: Timestamp) -> Readiness {
        let refusal = self.refusal.as_ref();
        let refused = refusal.is_some_and(|refusal| refusal.until > now || self.running > 0);
        match (refused, self.not_before.filter(|until| *until > now)) {
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

    /// It quoted a symbol, or had nothing new to say of it.
    pub(super) fn answered(&mut self) {
        self.refusal = None;
        self.unentitled = None;
        self.works();
    }

    /// It answered, be it without a quote.
    fn works(&mut self) {
        self.answers += 1;
        self.failures = 0;
        self.breaker.succeed();
        self.probes = Counted::default();
        self.retries = Counted::default();
        // Who answers took the key, and has said nothing yet of what the plan includes.
        self.refusal
            .take_if(|refusal| refusal.error != PollError::NotEntitled);
    }

    /// It refuses everything that it is asked for.
    pub(super) fn refuse(&mut self, error: &PollError, now: Timestamp) {
        self.refusal = Some(Refusal {
            error: error.clone(),
            until: now.after(RETRY_REFUSED_AFTER),
        });
        self.unentitled = Some(0);
    }

    /// Whether it refused everything the last time that it was asked.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Its budget has nothing left until then: of a minute, so that it waits, or of a day.
    pub(super) fn minute_spent(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(Some(until));
    }

    pub(super) fn day_spent(&mut self, until: Timestamp) {
        self.spent = Some(Spent {
            until,
            reserve_left: false,
        });
    }

    /// What its budget has left of the day is for those who ask by themselves.
    pub(super) fn day_reserved(&mut self, until: Timestamp) {
        self.spent = Some(Spent {
            until,
            reserve_left: true,
        });
    }

    /// A request took the last of the day.
    pub(super) fn reserve_spent(&mut self) {
        if let Some(spent) = &mut self.spent {
            spent.reserve_left = false;
        }
    }

    /// No retry is left of its day.
    pub(super) fn retries_spent(&mut self, until: Timestamp) {
        self.retries_spent_until = Some(until);
    }

    /// A failed poll is tried again.
    pub(super) fn retried(&mut self, interval: Duration, now: Timestamp) {
        self.retries.add(interval, now);
    }

    /// Whether a failed poll may be tried again before its next planned time. While nothing is answered, all symbols share
    /// [`RETRIES`].
    pub(super) fn may_retry(&self, interval: Duration, now: Timestamp) -> bool {
        let spent = self.retries_spent_until.is_some_and(|until| until > now);
        !spent && self.retries.count(interval, now) < RETRIES
    }

    /// How often it answered, whatever it was asked for.
    pub(super) fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether the last request to it failed.
    pub(super) fn is_faulty(&self) -> bool {
        self.failures > 0
    }

    /// It failed a symbol. What concerns only that symbol is the loop's. `planned` is the time between two polls of a
    /// symbol by the plan, and between two requests to this provider.
    pub(super) fn failed(
        &mut self,
        error: &PollError,
        planned: (Duration, Duration),
        now: Timestamp,
        random: &Random,
    ) {
        match error {
            PollError::NoQuote => self.answered(),
            PollError::UnknownSymbol | PollError::NoPrice { .. } => self.works(),
            PollError::NotEntitled => {
                self.works();
                self.unentitled = self.unentitled.map(|times| times.saturating_add(1));
                if self.is_refused() || self.unentitled.is_some_and(|times| times >= UNENTITLED) {
                    self.refuse(error, now);
                }
            }
            PollError::BudgetSpent => self.day_spent(self.budget.day.next_midnight(now)),
            PollError::Refused { .. } => self.refuse(error, now),
            PollError::RateLimited { .. }
            | PollError::Malformed { .. }
            | PollError::Timeout
            | PollError::Upstream { .. } => {
                if let Some(wait) = error.wait() {
                    self.patience_until = Some(now.after(wait.min(MOST_PATIENCE)));
                }
                self.fault = error.to_string();
                self.failures = self.failures.saturating_add(1);
                if self.is_failing() {
                    self.hold_off(planned, now, random);
                }
            }
        }
    }

    /// The breaker is open: [`RETRIES`] requests in an interval follow with growing waits, the others at the pace of the
    /// plan, whichever symbols they are for.
    fn hold_off(
        &mut self,
        (interval, pace): (Duration, Duration),
        now: Timestamp,
        random: &Random,
    ) {
        self.probes.add(interval, now);
        self.breaker.fail(now, None, random);
        if self.probes.count(interval, now) > RETRIES {
            self.breaker.hold(now.after(pace));
        }
    }

    fn is_failing(&self) -> bool {
        self.failures >= BREAKER
    }
}
