//! Requests splits: at once for a stock whose price is held, and once a day for every other stock.
//!
//! Held prices are released when a provider has answered, when none can, or when their time is over. What is held is
//! read from the database, so that a tracker also releases what another one held.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use entity::{Symbol, Timestamp};
use sea_orm::DbErr;
use store::{
    held::{self, HeldStock},
    split::{self, Due},
};
use tokio::task::{JoinError, JoinSet};

use super::{LOOK, Polling, Seat, provider_health::Readiness};
use crate::{
    budget::Charge,
    poller::context::{Asked, bounded},
    provider::{DayZone, PollError},
    schedule::reserve,
};

/// The splits of a stock are not requested in the background again before.
const FRESH: Duration = Duration::from_hours(24);
/// How soon a background request is tried again that was not sent.
const AGAIN: Duration = Duration::from_mins(5);

/// What is known of the splits that are to be requested.
#[derive(Debug, Default)]
pub(super) struct SplitChecks {
    /// The stocks with held prices, as last read.
    held: Vec<HeldStock>,
    /// By stock: the providers that could not answer for it since its price is held.
    failed: HashMap<i64, Vec<usize>>,
    /// By stock: not to be requested before.
    not_before: HashMap<i64, Timestamp>,
    /// The next stock of the background, and how many were requested today.
    due: Option<(Due, u64)>,
    background_until: Option<Timestamp>,
    /// The stocks that a request is under way for.
    running: HashSet<i64>,
    /// The stocks whose prices are being released without an answer.
    releasing: HashSet<i64>,
    pub(super) jobs: JoinSet<Checked>,
}

/// A request that ended, or a release.
#[derive(Debug)]
pub(super) struct Checked {
    stock_id: i64,
    /// The provider that was asked, and what became of it; `None` for a release without a request.
    asked: Option<(usize, Asked)>,
}

/// What to do about a stock with held prices.
enum Step {
    Request(usize),
    Wait(Timestamp),
    Release,
}

impl Polling {
    /// Reads which prices are held, and whose splits to request in the background.
    pub(super) async fn look_for_splits(&mut self) -> Result<(), DbErr> {
        let database = self.desk.store.database.read();
        let (checks, now) = (&mut self.splits, self.desk.now());
        checks.held = bounded(held::stocks(database)).await?;
        let is_held = |id: &i64| checks.held.iter().any(|held| held.stock_id == *id);
        checks.failed.retain(|id, _| is_held(id));
        checks.not_before.retain(|id, _| is_held(id));
        checks.due = None;
        let reports = self
            .seats
            .iter()
            .find(|seat| seat.provider.splits().is_some());
        let waits = checks.background_until.is_some_and(|until| until > now);
        if let Some(seat) = reports.filter(|_| self.rules.history && !waits)
            && let Some(due) = bounded(split::next(database, now.before(FRESH))).await?
        {
            let today = last_midnight(seat.budget.day, now);
            let count = bounded(split::asked_since(database, today)).await?;
            checks.due = Some((due, count));
        }
        Ok(())
    }

    /// Starts every request that can be started now. Returns when to try again, if nothing happens before.
    pub(super) fn start_splits(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for held in self.splits.held.clone() {
            if self.splits.releasing.contains(&held.stock_id) {
                continue;
            }
            match self.step(&held, now) {
                Step::Request(seat) => self.request_splits(seat, held.stock_id, held.symbol, now),
                Step::Wait(until) => next = Some(next.map_or(until, |next| next.min(until))),
                Step::Release => self.release(held.stock_id),
            }
        }
        self.start_background(now);
        next
    }

    fn step(&self, held: &HeldStock, now: Timestamp) -> Step {
        if held.held_until <= now {
            return Step::Release;
        }
        let wait = |until: Timestamp| Step::Wait(until.min(held.held_until));
        if self.splits.running.contains(&held.stock_id) {
            return Step::Wait(held.held_until);
        }
        let not_before = self.splits.not_before.get(&held.stock_id);
        if let Some(until) = not_before.filter(|until| **until > now) {
            return wait(*until);
        }
        let failed = self.splits.failed.get(&held.stock_id);
        for (at, seat) in self.seats.iter().enumerate() {
            let has_failed = failed.is_some_and(|failed| failed.contains(&at));
            if has_failed || seat.provider.splits().is_none() {
                continue;
            }
            match seat.readiness_on_request(now) {
                Readiness::Ready => return Step::Request(at),
                Readiness::Waits(until) => return wait(until),
                Readiness::PassedOver(Some(until)) if until < held.held_until => {
                    return wait(until);
                }
                Readiness::PassedOver(_) => {}
            }
        }
        Step::Release
    }

    /// Requests the splits of one stock if nothing else is to be done. Half of the day's reserve is the most that this
    /// takes.
    fn start_background(&mut self, now: Timestamp) {
        let busy =
            self.scheduled > 0 || !self.demands.is_empty() || !self.splits.running.is_empty();
        if busy {
            return;
        }
        let may = |seat: &Seat| {
            seat.provider.splits().is_some() && seat.readiness(now) == Readiness::Ready
        };
        let Some(at) = self.seats.iter().position(may) else {
            return;
        };
        let most = self.seats[at]
            .budget
            .per_day
            .map(|limit| u64::from(reserve(limit) / 2));
        let fits = |due: &mut (Due, u64)| most.is_none_or(|most| due.1 < most);
        if let Some((due, _)) = self.splits.due.take_if(fits) {
            self.request_splits(at, due.stock_id, due.symbol, now);
        }
    }

    fn request_splits(&mut self, at: usize, stock_id: i64, symbol: Symbol, now: Timestamp) {
        let seat = &mut self.seats[at];
        seat.asked(now);
        let (provider, budget) = (Arc::clone(&seat.provider), seat.budget);
        let desk = Arc::clone(&self.desk);
        self.splits.running.insert(stock_id);
        self.splits.jobs.spawn(async move {
            let checked = desk.check_splits(provider.as_ref(), budget, stock_id, symbol);
            Checked {
                stock_id,
                asked: Some((at, checked.await)),
            }
        });
    }

    fn release(&mut self, stock_id: i64) {
        let desk = Arc::clone(&self.desk);
        self.splits.releasing.insert(stock_id);
        self.splits.jobs.spawn(async move {
            desk.release(stock_id, None).await;
            Checked {
                stock_id,
                asked: None,
            }
        });
    }

    /// A request or release came back.
    pub(super) fn settle_splits(&mut self, checked: Result<Checked, JoinError>) {
        let Checked { stock_id, asked } = match checked {
            Ok(checked) => checked,
            // Nothing aborts it, so it panicked: a fault of this program, which ends it.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        let (now, planned) = (self.desk.now(), self.planned_pace());
        let Some((at, asked)) = asked else {
            self.splits.releasing.remove(&stock_id);
            self.splits.held.retain(|held| held.stock_id != stock_id);
            return;
        };
        self.splits.running.remove(&stock_id);
        let seat = &mut self.seats[at];
        seat.running -= 1;
        let again_at = match asked {
            Asked::Answered { answers, .. } => {
                match answers.into_iter().find_map(|(_, error)| error) {
                    None => {
                        self.splits.held.retain(|held| held.stock_id != stock_id);
                        return;
                    }
                    Some(error) => {
                        if error.is_of_the_provider() {
                            seat.failed(&error, planned, now, &self.desk.random);
                        }
                        match error {
                            PollError::RateLimited { wait } => Some(now.after(wait)),
                            _ => None,
                        }
                    }
                }
            }
            Asked::NotGranted(Charge::MinuteSpent(until)) => {
                seat.minute_spent(until);
                Some(until)
            }
            Asked::NotGranted(Charge::DaySpent(until)) => {
                seat.day_spent(until);
                None
            }
            Asked::NotCharged(error) => {
                tracing::debug!(%error, "splits are not requested without a charge");
                Some(now.after(LOOK))
            }
            Asked::NotGranted(_) | Asked::Lost => None,
        };
        self.splits.background_until = Some(now.after(AGAIN));
        let is_held = self
            .splits
            .held
            .iter()
            .any(|held| held.stock_id == stock_id);
        match again_at {
            Some(until) => {
                self.splits.not_before.insert(stock_id, until);
            }
            None if is_held => self.splits.failed.entry(stock_id).or_default().push(at),
            None => {}
        }
    }
}

/// When the budget's day began.
fn last_midnight(day: DayZone, now: Timestamp) -> Timestamp {
    // A day has 23 to 25 hours.
    let midnight = day.next_midnight(now.before(Duration::from_hours(26)));
    let next = day.next_midnight(midnight);
    if next <= now { next } else { midnight }
}
