//! What a poll that came back means for its provider, its symbols and whoever waits for it.
//!
//! One invariant: every poll that was started is settled once, whatever became of it, so that no symbol and no provider
//! stays "asked" for ever.

use entity::{PollOutcome, Symbol, Timestamp};
use tokio::{task::JoinError, time::Instant};

use super::{
    super::context::{Asked, RETRY},
    Polling,
};
use crate::{
    budget::{Charge, Purpose},
    provider::PollError,
    request::Verdict,
};

/// A poll that came back.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) seat: usize,
    pub(super) symbols: Vec<Symbol>,
    pub(super) purpose: Purpose,
    pub(super) asked: Asked,
}

impl Polling {
    pub(super) fn settle(&mut self, done: Result<Done, JoinError>) {
        let done = match done {
            Ok(done) => done,
            // Nobody aborts a poll, so it panicked: a fault of this program, which ends it.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        self.seats[done.seat].running -= 1;
        let of_the_plan = matches!(done.purpose, Purpose::Scheduled | Purpose::Retry);
        let sent = matches!(done.asked, Asked::Answered { .. } | Asked::Lost);
        for symbol in &done.symbols {
            if let Some(watch) = self.watches.get_mut(symbol) {
                watch.asked = false;
                match (of_the_plan, sent, watch.asked_at) {
                    (true, true, Some(asked_at)) => self.plan.asked(symbol, asked_at),
                    (true, false, _) => watch.did_not_ask(done.purpose == Purpose::Retry),
                    _ => {}
                }
            }
        }
        match done.purpose {
            Purpose::Scheduled | Purpose::Retry => self.scheduled -= 1,
            Purpose::Requested => self.settle_demand(&done),
            Purpose::Spare { .. } => return self.settle_history(done),
        }
        match done.asked {
            Asked::NotGranted(Charge::MinuteSpent(until)) => {
                self.seats[done.seat].minute_spent(until);
            }
            Asked::NotGranted(Charge::DaySpent(until)) => self.seats[done.seat].day_spent(until),
            Asked::NotGranted(Charge::DayReserved(until)) => {
                self.seats[done.seat].day_reserved(until);
            }
            Asked::NotGranted(Charge::RetriesSpent(until)) => {
                self.seats[done.seat].retries_spent(until);
            }
            Asked::NotCharged(error) => {
                tracing::debug!(%error, "nothing is polled without a charge");
                self.held_until = Some(Instant::now() + RETRY);
            }
            Asked::Answered { answers, day_left } => {
                if day_left == Some(0) {
                    self.seats[done.seat].reserve_spent();
                }
                for (symbol, error) in answers {
                    self.settle_symbol(done.seat, &symbol, error.as_ref());
                }
            }
            Asked::NotGranted(Charge::Granted(_)) | Asked::Lost => {}
        }
    }

    fn settle_symbol(&mut self, at: usize, symbol: &Symbol, error: Option<&PollError>) {
        let (now, planned) = (self.desk.now(), self.planned_pace());
        let random = &self.desk.random;
        let seat = &mut self.seats[at];
        let watch = self.watches.entry(symbol.clone()).or_default();
        let alone = watch.fails_alone(at, seat.answers());
        match error {
            None => seat.answered(),
            // It says of the provider neither that it works nor that it does not.
            Some(PollError::NoPrice { .. }) if alone => {}
            Some(error) => seat.failed(error, planned, now, random),
        }
        match error {
            Some(error) if !error.counts_as_answer() => {
                watch.failed(at, seat.answers(), error, now, random);
            }
            answer => {
                watch.answered(at, answer.is_none());
                self.plan.answered(symbol, answer.is_none(), now);
            }
        }
        let doubtful = matches!(
            error,
            Some(PollError::NotEntitled | PollError::UnknownSymbol)
        );
        if doubtful && self.includes_nothing(at, now) {
            self.seats[at].refuse(&PollError::NotEntitled, now);
        }
    }

    /// Whether a provider's plan turns out to include no tracked symbol that is known at all.
    fn includes_nothing(&self, at: usize, now: Timestamp) -> bool {
        let unentitled = |symbol: &Symbol| {
            let watch = self.watches.get(symbol);
            watch.is_some_and(|watch| watch.refused_until(at, now).is_some())
        };
        let priced = self.plan.stocks.iter();
        let mut known = priced
            .filter(|(_, tracked)| tracked.unpriced_answers == 0)
            .map(|(symbol, _)| symbol);
        !self.seats[at].is_refused()
            && self.plan.stocks.keys().any(unentitled)
            && known.all(unentitled)
    }

    fn settle_demand(&mut self, done: &Done) {
        let now = self.desk.now();
        let budget = self.seats[done.seat].budget;
        let asked = |demand: &&mut super::Demand| {
            demand.asked && done.symbols.contains(&demand.request.symbol)
        };
        let Some(demand) = self.demands.iter_mut().find(asked) else {
            return;
        };
        demand.asked = false;
        let again_at = match &done.asked {
            Asked::NotGranted(
                Charge::MinuteSpent(until) | Charge::DaySpent(until) | Charge::DayReserved(until),
            ) => Some(*until),
            Asked::NotCharged(_) => {
                demand.verdict = Some(Verdict::of(PollOutcome::DatabaseUnavailable));
                None
            }
            Asked::Answered { answers, .. } => {
                let error = answers.first().and_then(|(_, error)| error.as_ref());
                demand.settle(error);
                match error {
                    Some(PollError::BudgetSpent) => Some(budget.day.next_midnight(now)),
                    Some(PollError::RateLimited { wait }) => Some(now.after(*wait)),
                    _ => None,
                }
            }
            _ => None,
        };
        demand.tries(done.seat, again_at);
    }
}
