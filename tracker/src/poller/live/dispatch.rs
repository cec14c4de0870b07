//! What the loop asks for next, and whom.
//!
//! The provider that is asked is the first in order that is not passed over, for every symbol by itself; a symbol that
//! only has to wait for its provider waits, so that prices do not change hands needlessly. A symbol is asked for once at
//! each of its planned times; if that fails, the next provider is asked, or the same one is tried again within its
//! retries.

use std::{sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use tokio::time::Instant;
use tracing::instrument::WithSubscriber;

use super::{LOOK, Polling, Seat, completion::Done, provider_health::Readiness};
use crate::{
    budget::Purpose,
    poller::{context::Newcomer, tracked_stocks::Tracked},
    schedule::{Planned, due_at, interval_of, planned},
};

/// Polls of the plan that run at the same time.
const CONCURRENCY: usize = 4;
/// Polls on request that run at the same time beside those.
const ON_REQUEST: usize = 4;

/// The shortest nap: a clock that stands still shall not make the loop spin.
const SOON: Duration = Duration::from_millis(5);

/// Whom to ask for a symbol.
enum Whom {
    Ask(Request),
    Wait(Option<Timestamp>),
}

/// A request of the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Request {
    seat: usize,
    purpose: Purpose,
    /// Whether it is the first at a planned time.
    planned: bool,
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
        let hours = self.rules.hours;
        let mut due: Vec<(bool, Option<Timestamp>, Symbol)> = Vec::new();
        let mut next: Option<Timestamp> = None;
        let mut wake = |at: Timestamp| next = Some(next.map_or(at, |next| next.min(at)));
        for (symbol, tracked) in &self.plan.stocks {
            let watch = self.watches.entry(symbol.clone()).or_default();
            if watch.asked {
                continue;
            }
            let interval = interval_of(tracked.unpriced_answers, interval);
            let at = due_at(
                tracked.answered_at,
                self.started_at,
                interval,
                (hours, tracked.market),
                now,
            );
            let unanswered = unanswered_since(tracked, interval, now);
            let at = unanswered.map_or(at, |asked_at| at.max(asked_at.after(interval)));
            let planned = at <= now;
            if !planned {
                wake(at);
                if unanswered.is_none() {
                    continue;
                }
                watch.inherits(self.seats.len());
            }
            // One that fails again and again goes behind those that wait for their turn.
            let since = Some(at.min(now)).max(watch.asked_at);
            due.push((!planned, since, symbol.clone()));
        }
        due.sort();
        let mut due: Vec<(bool, Symbol)> = due
            .into_iter()
            .map(|(retry, _, symbol)| (!retry, symbol))
            .collect();
        while !due.is_empty() && self.scheduled < CONCURRENCY {
            let (planned, symbol) = due.remove(0);
            match self.whom(&symbol, planned, interval, now) {
                Whom::Wait(until) => until.into_iter().for_each(&mut wake),
                Whom::Ask(request) => {
                    let provider = &self.seats[request.seat].provider;
                    let most = provider.pace().symbols_per_request();
                    let mut batch = vec![symbol];
                    due.retain(|(planned, symbol)| {
                        let joins = batch.len() < most
                            && matches!(
                                self.whom(symbol, *planned, interval, now),
                                Whom::Ask(other) if other == request
                            );
                        if joins {
                            batch.push(symbol.clone());
                        }
                        !joins
                    });
                    self.scheduled += 1;
                    let retry = request.purpose == Purpose::Retry;
                    for symbol in &batch {
                        let watch = self.watches.entry(symbol.clone()).or_default();
                        watch.asks(request.seat, request.planned, retry);
                    }
                    if retry {
                        self.seats[request.seat].retried(interval, now);
                    }
                    self.start(request.seat, batch, request.purpose, None, now);
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
        let answers = self.seats[seat].answers();
        let mut failing_alone = Vec::new();
        for symbol in &symbols {
            let watch = self.watches.entry(symbol.clone()).or_default();
            (watch.asked, watch.asked_at) = (true, Some(now));
            if watch.fails_alone(seat, answers) {
                failing_alone.push(symbol.clone());
            }
        }
        self.seats[seat].asked(now);
        let (provider, budget) = (
            Arc::clone(&self.seats[seat].provider),
            self.seats[seat].budget,
        );
        let desk = Arc::clone(&self.desk);
        let job = async move {
            let provider = provider.as_ref();
            let asked = desk
                .ask(provider, budget, purpose, &symbols, &failing_alone, track)
                .await;
            Done {
                seat,
                symbols,
                purpose,
                asked,
            }
        };
        self.jobs.spawn(job.with_current_subscriber());
    }

    /// Whom to ask for a symbol whose next poll is due by the plan (`planned`), or whose last one failed.
    fn whom(&self, symbol: &Symbol, planned: bool, interval: Duration, now: Timestamp) -> Whom {
        let mut earliest: Option<Timestamp> = None;
        for (at, seat) in self.seats.iter().enumerate() {
            let watch = self.watches.get(symbol);
            let refused = watch.and_then(|watch| watch.refused_until(at, now));
            let ask = |purpose| {
                Whom::Ask(Request {
                    seat: at,
                    purpose,
                    planned,
                })
            };
            let until = match (refused, seat.readiness(now)) {
                (None, Readiness::Ready) => {
                    if planned || !watch.is_some_and(|watch| watch.has_asked(at)) {
                        return ask(Purpose::Scheduled);
                    }
                    let retry_at = watch.and_then(|watch| watch.retry_at(now));
                    match retry_at.filter(|_| seat.may_retry(interval, now)) {
                        Some(until) if until > now => return Whom::Wait(Some(until)),
                        Some(_) => return ask(Purpose::Retry),
                        None => None,
                    }
                }
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

    /// The time between two polls of a symbol and between two requests, as planned.
    pub(super) fn planned_pace(&self) -> (Duration, Duration) {
        let interval = self.interval();
        let symbols = u32::try_from(self.plan.stocks.len()).unwrap_or(u32::MAX);
        (interval, interval / symbols.max(1))
    }

    pub(super) fn planned_of(&self, seat: &Seat) -> Planned {
        let symbols = self.plan.load(self.rules.hours);
        planned(self.rules.wished, &symbols, seat.budget)
    }
}

/// When the plan asked for a symbol that was not answered for since. A time far ahead was noted by a clock that was wrong.
fn unanswered_since(tracked: &Tracked, interval: Duration, now: Timestamp) -> Option<Timestamp> {
    let asked_at = tracked.asked_at.filter(|at| *at <= now.after(interval));
    asked_at.filter(|asked_at| tracked.answered_at < Some(*asked_at))
}
