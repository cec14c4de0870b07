//! The loop over a provider that sets its own time: a replay.
//!
//! One invariant: one poll is one batch in one transaction together with the place to go on from, so that a day is told
//! whole and once, however often the program is killed. Nothing else is asked for, whatever else is configured.

use std::{sync::Arc, time::Duration};

use entity::{PollOutcome, ProviderState, table::provider};
use sea_orm::{DbErr, EntityTrait};
use store::feed::Bell;
use tokio::time::{Instant, sleep_until};

use super::{
    desk::{Desk, Outage, bounded},
    plan::{Every, Plan},
};
use crate::{
    market::Market,
    provider::{Poll, PollError, QuoteProvider},
    request::{self, Request, Verdict},
    schedule::is_stale,
    status::{Standing, Status},
};

/// How often everything is looked at without a reason.
const LOOK: Duration = Duration::from_secs(1);
/// How often old requests are forgotten.
const PRUNE: Duration = Duration::from_mins(1);

/// The loop and all it knows.
pub(super) struct Driven {
    desk: Arc<Desk>,
    provider: Arc<dyn QuoteProvider>,
    every: Option<Duration>,
    rank: i32,
    /// Providers that are configured and never asked.
    bystanders: Vec<Standing>,
    plan: Plan,
    status: Status,
    observing: Every,
    pruning: Every,
    outage: Outage,
}

impl Driven {
    pub(super) fn new(
        desk: Arc<Desk>,
        provider: Arc<dyn QuoteProvider>,
        rank: i32,
        bystanders: Vec<Standing>,
    ) -> Self {
        let every = provider
            .pace()
            .day_length()
            .filter(|every| !every.is_zero());
        let status = Status::new(desk.metrics.clone());
        Self {
            desk,
            provider,
            every,
            rank,
            bystanders,
            plan: Plan::default(),
            status,
            observing: Every::new(LOOK),
            pruning: Every::new(PRUNE),
            outage: Outage::default(),
        }
    }

    /// Tells day after day until the process begins to end.
    pub(super) async fn run(mut self) {
        let stopping = self.desk.stopping.clone();
        let mut request = self.desk.store.doorbell.listen(Bell::Request);
        loop {
            let resumed = self.resume_once().await;
            if self.outage.note(resumed) {
                break;
            }
            if stopping
                .run_until_cancelled(self.desk.pause())
                .await
                .is_none()
            {
                return;
            }
        }
        let mut next = Instant::now();
        while !stopping.is_cancelled() {
            if !self.provider.finished() && Instant::now() >= next {
                next = Instant::now() + self.every.unwrap_or_default();
                self.tell_once().await;
            }
            let looked = self.look_once().await;
            self.outage.note(looked);
            let wake = if self.provider.finished() {
                Instant::now() + LOOK
            } else {
                next
            };
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                () = sleep_until(wake) => {}
                () = request.notified() => {}
            }
        }
    }

    /// Finds its place. The provider's row exists from then on, which is where the place is kept.
    pub(super) async fn resume_once(&mut self) -> Result<(), DbErr> {
        let name = self.provider.name();
        let reading = provider::Entity::find_by_id(name).one(self.desk.store.database.read());
        let position = bounded(reading).await?.and_then(|row| row.position);
        if let Err(error) = self.provider.resume(position.as_deref()) {
            tracing::warn!(provider = name, %error, "the replay does not go on where it was");
        }
        let standings = self.standings();
        bounded(self.status.write_once(&self.desk.store, standings)).await
    }

    /// Tells one day: asks, and stores it whole. A day that the database does not take is told again.
    pub(super) async fn tell_once(&mut self) {
        let reloaded = self.plan.reload(&self.desk.store).await;
        if !self.outage.note(reloaded) {
            self.desk
                .stopping
                .run_until_cancelled(self.desk.pause())
                .await;
            return;
        }
        let poll = self
            .desk
            .poll(self.provider.as_ref(), &self.plan.symbols())
            .await;
        self.desk.record(self.provider.name(), &poll, None).await;
        if self.provider.finished() {
            tracing::info!(provider = self.provider.name(), "the replay has ended");
        }
    }

    /// Tells how it is doing, which needs no write that succeeds, and answers requests.
    pub(super) async fn look_once(&mut self) -> Result<(), DbErr> {
        if self.observing.is_due() {
            self.plan.reload(&self.desk.store).await?;
            let (now, finished) = (self.desk.now(), self.provider.finished());
            // At full speed a day takes no time.
            let every = (!finished).then(|| self.every.unwrap_or_default());
            let stale = |answered_at| is_stale(answered_at, every, Market::Always, now);
            self.plan.observe_once(&self.desk, stale).await?;
        }
        for request in bounded(request::open(&self.desk.store, |_| false)).await? {
            self.answer_once(request).await?;
        }
        let standings = self.standings();
        bounded(self.status.write_once(&self.desk.store, standings)).await?;
        if self.pruning.is_due() {
            bounded(request::prune(&self.desk.store)).await?;
        }
        Ok(())
    }

    /// Answers a request from what the provider knows by itself: its next word comes when its day comes.
    async fn answer_once(&self, request: Request) -> Result<(), DbErr> {
        let symbols = [request.symbol.clone()];
        let outcome = match self.provider.knows(&request.symbol) {
            Some(true) => {
                let poll = Poll::failed(&symbols, &PollError::NoQuote);
                let track = request.track.then_some((request.symbol, request.name));
                let stored = self.desk.record(self.provider.name(), &poll, track).await;
                stored.map_or(PollOutcome::Failed, |_| PollOutcome::Answered)
            }
            Some(false) => PollOutcome::UnknownSymbol,
            None => PollOutcome::Failed,
        };
        let answered = request::answer(&self.desk.store, &request.ids, Verdict::of(outcome));
        bounded(answered).await
    }

    fn standings(&self) -> Vec<Standing> {
        let own = Standing {
            name: self.provider.name(),
            rank: self.rank,
            state: ProviderState::Ok,
            effective_interval: self.every.filter(|_| !self.provider.finished()),
            note: self.provider.note(),
            budget: None,
        };
        std::iter::once(own)
            .chain(self.bystanders.iter().cloned())
            .collect()
    }
}
