//! What a poll that came back means for its provider, its symbols and whoever waits for it.
//!
//! One invariant: every poll that was started is settled once, whatever became of it, so that no symbol and no provider
//! stays "asked" for ever.

use entity::Symbol;
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
        }
        match done.asked {
            Asked::NotGranted(Charge::MinuteSpent(until)) => {
                self.seats[done.seat].minute_spent(until);
            }
            Asked::NotGranted(Charge::DaySpent(until)) => self.seats[done.seat].day_spent(until),
            Asked::NotCharged(error) => {
                tracing::debug!(%error, "nothing is polled without a charge");
                self.held_until = Some(Instant::now() + RETRY);
            }
            Asked::Answered(answers) => {
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
                watch.answered();
            }
            Some(error) => {
                seat.failed(error, now, random);
                watch.failed(at, error, now, random);
            }
        }
        if error.is_none_or(PollError::counts_as_answer) {
            self.plan.answered(symbol, now);
        }
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
            Asked::NotGranted(Charge::MinuteSpent(until) | Charge::DaySpent(until)) => Some(*until),
            Asked::Answered(answers) => {
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
