//! What the loop asks for next, and whom.
//!
//! One invariant: the provider that is asked is the first in order that is not passed over, for every symbol by itself;
//! a symbol that only has to wait for its provider waits, so that prices do not change hands needlessly.

use std::{sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use tokio::time::Instant;

use super::{LOOK, Polling, Seat, settle::Done};
use crate::{
    budget::Purpose,
    engine::{desk::Newcomer, seat::Readiness},
    schedule::{Planned, due_at, planned},
};

/// Polls of the plan that run at the same time.
const CONCURRENCY: usize = 4;
/// Polls on request that run at the same time beside those.
const ON_REQUEST: usize = 4;

/// The shortest nap: a clock that stands still shall not make the loop spin.
const SOON: Duration = Duration::from_millis(5);

/// Whom to ask for a symbol.
enum Whom {
    Ask(usize),
    Wait(Option<Timestamp>),
}

impl Polling {
    /// Starts every poll that can be started now. Answers when it is time to try again, if nothing happens before.
    pub(super) fn start_once(&mut self) -> Instant {
        let begun = Instant::now();
        if let Some(until) = self.held_until.filter(|until| *until > begun) {
            return until;
        }
        let now = self.desk.now();
        let on_request = self.start_demands(now);
        let planned = self.start_planned(now);
        let splits = self.start_splits(now);
        self.start_history(now);
        let next = [on_request, planned, splits].into_iter().flatten().min();
        begun + next.map_or(LOOK, |next| next.since(now).clamp(SOON, LOOK))
    }

    /// Starts what is due, the longest overdue first.
    fn start_planned(&mut self, now: Timestamp) -> Option<Timestamp> {
        let interval = self.interval();
        let market = self.rules.market;
        let mut due: Vec<(Option<Timestamp>, Symbol)> = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut wake = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
        for (symbol, answered_at) in &self.plan.stocks {
            let watch = self.watches.get(symbol);
            if watch.is_some_and(|watch| watch.asked) {
                continue;
            }
            let at = due_at(*answered_at, self.started_at, interval, market, now);
            let at = watch
                .and_then(|watch| watch.waits_until(now))
                .map_or(at, |wait| at.max(wait));
            if at <= now {
                // One that fails again and again goes behind those that wait for their turn.
                let since = Some(at).max(watch.and_then(|watch| watch.asked_at));
                due.push((since, symbol.clone()));
            } else {
                wake(at);
            }
        }
        due.sort();
        let mut due: Vec<Symbol> = due.into_iter().map(|(_, symbol)| symbol).collect();
        while !due.is_empty() && self.scheduled < CONCURRENCY {
            let symbol = due.remove(0);
            match self.whom(&symbol, now) {
                Whom::Wait(until) => until.into_iter().for_each(&mut wake),
                Whom::Ask(seat) => {
                    let most = self.seats[seat].provider.pace().symbols_per_request();
                    let mut batch = vec![symbol];
                    due.retain(|symbol| {
                        let joins = batch.len() < most
                            && matches!(self.whom(symbol, now), Whom::Ask(other) if other == seat);
                        if joins {
                            batch.push(symbol.clone());
                        }
                        !joins
                    });
                    self.scheduled += 1;
                    self.start(seat, batch, Purpose::Scheduled, None, now);
                }
            }
        }
        next
    }

    /// Starts what somebody waits for.
    fn start_demands(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for at in 0..self.demands.len() {
            let running = self.demands.iter().filter(|demand| demand.asked).count();
            let demand = &mut self.demands[at];
            let symbol = demand.request.symbol.clone();
            let busy = self.watches.get(&symbol).is_some_and(|watch| watch.asked);
            if demand.asked || demand.verdict.is_some() || busy || running >= ON_REQUEST {
                continue;
            }
            for (seat, state) in self.seats.iter().enumerate() {
                if demand.has_tried(seat) {
                    continue;
                }
                match state.readiness_on_request(now) {
                    Readiness::PassedOver(until) => demand.tries(seat, until),
                    Readiness::Waits(until) => {
                        next = Some(next.map_or(until, |next| next.min(until)));
                        break;
                    }
                    Readiness::Ready => {
                        demand.asked = true;
                        break;
                    }
                }
            }
            let untried = (0..self.seats.len()).find(|seat| !demand.has_tried(*seat));
            match untried {
                None => demand.give_up(),
                Some(seat) if demand.asked => {
                    let name = demand.request.name.clone();
                    let track = demand.request.track.then(|| (symbol.clone(), name));
                    self.start(seat, vec![symbol], Purpose::Requested, track, now);
                }
                Some(_) => {}
            }
        }
        next
    }

    fn start(
        &mut self,
        seat: usize,
        symbols: Vec<Symbol>,
        purpose: Purpose,
        track: Option<Newcomer>,
        now: Timestamp,
    ) {
        for symbol in &symbols {
            let watch = self.watches.entry(symbol.clone()).or_default();
            (watch.asked, watch.asked_at) = (true, Some(now));
        }
        self.seats[seat].asked(now);
        let (provider, budget) = (
            Arc::clone(&self.seats[seat].provider),
            self.seats[seat].budget,
        );
        let desk = Arc::clone(&self.desk);
        self.jobs.spawn(async move {
            let asked = desk
                .ask(provider.as_ref(), budget, purpose, &symbols, track)
                .await;
            Done {
                seat,
                symbols,
                purpose,
                asked,
            }
        });
    }

    fn whom(&self, symbol: &Symbol, now: Timestamp) -> Whom {
        let mut earliest: Option<Timestamp> = None;
        for (at, seat) in self.seats.iter().enumerate() {
            let refused = self
                .watches
                .get(symbol)
                .and_then(|watch| watch.refused_until(at, now));
            let until = match (refused, seat.readiness(now)) {
                (None, Readiness::Ready) => return Whom::Ask(at),
                (None, Readiness::Waits(until)) => return Whom::Wait(Some(until)),
                (None, Readiness::PassedOver(until)) => until,
                (Some(until), _) => Some(until),
            };
            earliest = [earliest, until].into_iter().flatten().min();
        }
        Whom::Wait(earliest)
    }

    /// Whose turn it is in general: the first that neither refuses nor is passed over, else the first.
    pub(super) fn in_use(&self, now: Timestamp) -> usize {
        let serves = |seat: &Seat| {
            !seat.is_refused() && !matches!(seat.readiness(now), Readiness::PassedOver(_))
        };
        self.seats.iter().position(serves).unwrap_or(0)
    }

    /// The time between two polls of a symbol, as planned.
    pub(super) fn interval(&self) -> Duration {
        let seat = self.seats.get(self.in_use(self.desk.now()));
        seat.map_or(self.rules.wished, |seat| self.planned_of(seat).interval)
    }

    pub(super) fn planned_of(&self, seat: &Seat) -> Planned {
        let symbols = self.plan.stocks.len();
        planned(self.rules.wished, symbols, seat.budget, self.rules.market)
    }
}
