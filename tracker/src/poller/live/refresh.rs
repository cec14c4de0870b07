//! What the loop reads from the database, and what it tells there.
//!
//! One invariant: nothing here is needed to be right, only to be recent: after an error the loop goes on with what it
//! knew and looks again a second later.

use entity::PollOutcome;
use market::{LastSessions, StalenessContext};
use sea_orm::DbErr;
use tokio::time::Instant;

use super::{super::context::bounded, Demand, Polling};
use crate::{request, schedule::Spoken, status::Standing};

impl Polling {
    /// Looks at the requests, and at the plan if it may have changed; tells how the providers are doing. Answers when.
    pub(super) async fn look_once(&mut self, plan_too: bool) -> Instant {
        let looked = Instant::now();
        let tried = self.try_look(plan_too).await;
        if !self.outage.note(tried) {
            self.desk.refuse_requests().await;
            self.demands.retain(|demand| demand.asked);
        }
        looked
    }

    async fn try_look(&mut self, plan_too: bool) -> Result<(), DbErr> {
        let known: Vec<i64> = self
            .demands
            .iter()
            .flat_map(|demand| &demand.request.ids)
            .copied()
            .collect();
        let opened = request::open(&self.desk.store, |id| known.contains(&id));
        self.demands
            .extend(bounded(opened).await?.into_iter().map(Demand::new));
        if plan_too {
            self.plan.reload(&self.desk.store).await?;
            let tracked = &self.plan.stocks;
            self.watches
                .retain(|symbol, watch| watch.asked || tracked.contains_key(symbol));
            self.tell_pace();
        }
        // Before anything is written: the metrics tell of a database that can only be read.
        if self.observing.is_due() {
            let now = self.desk.now();
            let expected = StalenessContext {
                now,
                interval: Some(self.interval()),
                hours: self.rules.hours,
                sessions: LastSessions::at(now),
                replayed: false,
            };
            self.plan.observe_once(&self.desk, |_| expected).await?;
            for seat in &self.seats {
                let name = seat.provider.name();
                self.desk.observe_budget(name, seat.budget).await?;
            }
        }
        let standings = self.standings();
        bounded(self.status.write_once(&self.desk.store, standings)).await?;
        self.look_for_splits().await?;
        self.look_for_history().await?;
        if self.pruning.is_due() {
            bounded(request::prune(&self.desk.store)).await?;
        }
        Ok(())
    }

    /// Logs how often the provider in use is polled, when a budget stretches that or no longer does.
    fn tell_pace(&mut self) {
        let at = self.in_use(self.desk.now());
        let Some(seat) = self.seats.get(at) else {
            return;
        };
        let (planned, told) = (self.planned_of(seat), seat.told);
        let (provider, wished) = (seat.provider.name(), Spoken(self.rules.wished));
        let effective = Spoken(planned.interval);
        self.seats[at].told = Some(planned);
        match planned.limit {
            Some(budget) if told != Some(planned) => {
                let why = "symbols are polled less often than wished, to stay within the budget";
                tracing::info!(provider, %wished, %effective, %budget, "{why}");
            }
            None if told.is_some_and(|told| told.limit.is_some()) => {
                tracing::info!(provider, %wished, "symbols are polled as often as wished");
            }
            _ => {}
        }
    }

    /// Writes down how requests ended. Those that nobody waits for any more are dropped.
    pub(super) async fn answer_once(&mut self) {
        for at in (0..self.demands.len()).rev() {
            let demand = &self.demands[at];
            let Some(verdict) = demand.verdict else {
                if demand.is_over() {
                    self.demands.remove(at);
                }
                continue;
            };
            let answered = request::answer(&self.desk.store, &demand.request.ids, verdict);
            let over = match bounded(answered).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::debug!(%error, "an answer waits to be written");
                    demand.is_over()
                }
            };
            if verdict.outcome != PollOutcome::Answered {
                let symbol = &demand.request.symbol;
                tracing::info!(%symbol, outcome = ?verdict.outcome, "a requested poll");
            }
            if over {
                self.demands.remove(at);
            }
        }
    }

    /// How every provider is doing.
    fn standings(&self) -> Vec<Standing> {
        let now = self.desk.now();
        let in_use = self.in_use(now);
        let of = |(at, seat): (usize, &super::Seat)| {
            let planned = self.planned_of(seat);
            let (state, note) = seat.standing(at == in_use, planned, now);
            Standing {
                name: seat.provider.name(),
                rank: seat.rank,
                state,
                effective_interval: Some(planned.interval),
                note,
                budget: Some(seat.budget),
            }
        };
        let polled = self.seats.iter().enumerate().map(of);
        polled.chain(self.bystanders.iter().cloned()).collect()
    }
}
