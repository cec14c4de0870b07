//! Asks for the past of stocks, once for each since it is tracked, when nothing else is to be asked.
//!
//! One invariant: polling comes first: a request for the past is sent only while no poll is due or under way, leaves the
//! reserve alone, and takes more than a tenth of a day only from what polling will not need.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::Timestamp;
use sea_orm::DbErr;
use store::backfill::{self, Due};

use super::{Polling, Seat, completion::Done, provider_health::Readiness};
use crate::{
    budget::{Charge, Purpose},
    poller::context::{Asked, bounded},
    schedule::reserve,
};

/// How soon a day's budget that had nothing to spare is looked at again.
const SPARE_AGAIN: Duration = Duration::from_mins(5);

/// What is known of the past that is still to be asked for.
#[derive(Debug, Default)]
pub(super) struct History {
    due: Option<Due>,
    /// Whether a request is under way.
    asked: bool,
    held_until: Option<Timestamp>,
    /// How many were sent on a provider's day.
    count: Option<(NaiveDate, u32)>,
}

impl History {
    fn count_of(&self, today: NaiveDate) -> u32 {
        let count = self.count.filter(|(day, _)| *day == today);
        count.map_or(0, |(_, count)| count)
    }
}

impl Polling {
    /// Finds out whose past is to be asked for next.
    pub(super) async fn look_for_history(&mut self) -> Result<(), DbErr> {
        let told = |seat: &Seat| seat.provider.history().is_some();
        if self.rules.history && !self.history.asked && self.seats.iter().any(told) {
            let database = self.desk.store.database.read();
            self.history.due = bounded(backfill::next(database, self.desk.now())).await?;
        }
        Ok(())
    }

    /// Asks for the past of one stock, if there is nothing better to do.
    pub(super) fn start_history(&mut self, now: Timestamp) {
        let busy = self.history.asked || self.scheduled > 0 || !self.demands.is_empty();
        if busy || self.history.held_until.is_some_and(|until| until > now) {
            return;
        }
        let may = |seat: &Seat| {
            seat.provider.history().is_some()
                && !seat.is_faulty()
                && seat.readiness(now) == Readiness::Ready
        };
        let Some(at) = self.seats.iter().position(may) else {
            return;
        };
        let Some(due) = self.history.due.take() else {
            return;
        };
        let keep = self.kept_for_polls(at, now);
        self.history.asked = true;
        let seat = &mut self.seats[at];
        seat.asked(now);
        let (provider, budget) = (Arc::clone(&seat.provider), seat.budget);
        let desk = Arc::clone(&self.desk);
        self.jobs.spawn(async move {
            let asked = desk.fill(provider.as_ref(), budget, keep, due).await;
            Done {
                seat: at,
                symbols: Vec::new(),
                purpose: Purpose::Spare { keep },
                asked,
            }
        });
    }

    /// How many requests of the day, beside the reserve, are not to be had for the past.
    fn kept_for_polls(&self, at: usize, now: Timestamp) -> u32 {
        let seat = &self.seats[at];
        let Some(limit) = seat.budget.per_day else {
            return 0;
        };
        let today = seat.budget.day.date(now);
        if at != self.in_use(now) || self.history.count_of(today) < reserve(limit) {
            return 0;
        }
        let interval = self.planned_of(seat).interval.as_secs().max(1);
        let midnight = seat.budget.day.next_midnight(now);
        let polls = self.plan.stocks.values().map(|tracked| {
            let left = self.rules.hours.remaining(tracked.market, now, midnight);
            left.as_secs() / interval
        });
        u32::try_from(polls.fold(0, u64::saturating_add)).unwrap_or(u32::MAX)
    }

    /// A request for the past came back. Whatever it says of the whole provider counts for polls too; what it says of
    /// the past alone does not.
    pub(super) fn settle_history(&mut self, done: Done) {
        let (now, planned) = (self.desk.now(), self.planned_pace());
        self.history.asked = false;
        let seat = &mut self.seats[done.seat];
        match done.asked {
            Asked::NotGranted(Charge::MinuteSpent(until)) => seat.minute_spent(until),
            Asked::NotGranted(Charge::DaySpent(until)) => seat.day_spent(until),
            Asked::NotGranted(Charge::DayReserved(_)) => {
                self.history.held_until = Some(now.after(SPARE_AGAIN));
            }
            Asked::NotCharged(error) => {
                tracing::debug!(%error, "nothing is asked for without a charge");
                self.history.held_until = Some(now.after(super::LOOK));
            }
            Asked::Answered { answers, .. } => {
                let today = seat.budget.day.date(now);
                self.history.count = Some((today, self.history.count_of(today) + 1));
                let errors = answers.iter().filter_map(|(_, error)| error.as_ref());
                for error in errors.filter(|error| error.is_of_the_provider()) {
                    seat.failed(error, planned, now, &self.desk.random);
                }
            }
            Asked::NotGranted(Charge::Granted(_) | Charge::RetriesSpent(_)) | Asked::Lost => {}
        }
    }
}
