//! What a poll that came back means for its provider, its symbols and whoever waits for it.
//!
//! One invariant: every poll that was started is settled once, whatever became of it, so that no symbol and no provider
//! stays "asked" for ever.

use entity::{Symbol, Timestamp};
use tokio::{task::JoinError, time::Instant};

use super::{
    super::desk::{Asked, RETRY},
    Polling,
};
use crate::{
    budget::{Charge, Purpose},
    provider::PollError,
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
        for symbol in &done.symbols {
            if let Some(watch) = self.watches.get_mut(symbol) {
                watch.asked = false;
            }
        }
        match done.purpose {
            Purpose::Scheduled => self.scheduled -= 1,
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
        let (now, random) = (self.desk.now(), &self.desk.random);
        let seat = &mut self.seats[at];
        let watch = self.watches.entry(symbol.clone()).or_default();
        match error {
            None => {
                seat.answered();
                self.plan.quoted(symbol);
            }
            Some(error) => seat.failed(error, now, random),
        }
        let (was_unknown, provider) = (watch.unknown, seat.provider.name());
        match error {
            None => watch.answered(at),
            Some(PollError::UnknownSymbol) => watch.unknown(self.plan.has_price(symbol), now),
            Some(error) => watch.failed(at, error, now, random),
        }
        if self.plan.stocks.contains_key(symbol) && watch.unknown != was_unknown {
            if watch.unknown {
                tracing::warn!(provider, %symbol, "the provider does not know a tracked symbol");
            } else {
                tracing::info!(provider, %symbol, "the symbol is known again");
            }
        }
        if error.is_none_or(PollError::counts_as_answer) {
            self.plan.answered(symbol, now);
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
        let unknown = |symbol: &Symbol| self.watches.get(symbol).is_some_and(|it| it.unknown);
        let mut known = self.plan.stocks.keys().filter(|symbol| !unknown(symbol));
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
