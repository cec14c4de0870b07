//! The loop over a provider that sets its own time: a replay.
//!
//! One invariant: one poll is one batch in one transaction together with the place to go on from, so that a day is told
//! whole and once, however often the program is killed. Nothing else is asked for, whatever else is configured.

use std::{sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::{CandleInterval, PollOutcome, ProviderState, table::provider};
use market::{LastSessions, PollingHours, StalenessContext};
use sea_orm::{DbErr, EntityTrait};
use store::{candle::CandleKey, feed::Bell};
use tokio::time::{Instant, sleep_until};

use super::{
    context::{Desk, Outage, answers, bounded},
    tracked_stocks::{Every, Plan},
};
use crate::{
    ingest::Answers,
    provider::QuoteProvider,
    request::{self, Request, Verdict},
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
        self.resume().await;
        let mut next = Instant::now();
        while !stopping.is_cancelled() {
            if !self.provider.finished() && Instant::now() >= next {
                next = Instant::now() + self.every.unwrap_or_default();
                self.tell_once().await;
            }
            let looked = self.look_once().await;
            if !self.outage.note(looked) {
                self.desk.refuse_requests().await;
            }
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

    /// Finds its place, however long the database is away.
    async fn resume(&mut self) {
        while !self.desk.stopping.is_cancelled() {
            let resumed = self.resume_once().await;
            if self.outage.note(resumed) {
                return;
            }
            self.pause().await;
        }
    }

    /// Finds its place, and releases what another tracker held. The provider's row exists from then on, which is where
    /// the place is kept.
    pub(super) async fn resume_once(&mut self) -> Result<(), DbErr> {
        let held = store::held::stocks(self.desk.store.database.read());
        for stock in bounded(held).await? {
            bounded(self.desk.ingest.release(stock.stock_id, None)).await?;
        }
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
        let mut ready = self.plan.reload(&self.desk.store).await;
        if ready.is_ok()
            && let Some(day) = self.provider.restarts_at()
        {
            ready = self.make_way(day).await;
        }
        if !self.outage.note(ready) {
            self.desk.refuse_requests().await;
            self.pause().await;
            return;
        }
        // A stop leaves the rest of the candles to be deleted before the next day.
        if self.desk.stopping.is_cancelled() {
            return;
        }
        let poll = self
            .desk
            .poll(self.provider.as_ref(), &self.plan.symbols())
            .await;
        let answers = answers(self.provider.name(), &poll, None);
        let stored = self.desk.record(answers).await;
        if stored.is_some_and(|stored| stored.superseded) {
            tracing::warn!(
                provider = self.provider.name(),
                "another tracker has replayed on: this one follows it"
            );
            self.resume().await;
        }
        if self.provider.finished() {
            tracing::info!(provider = self.provider.name(), "the replay has ended");
        }
    }

    /// Deletes the candles from a day on of all stocks that the replay has prices of, in small transactions. The replay
    /// restarts there, and candles of later years would hide the new ones.
    async fn make_way(&self, day: NaiveDate) -> Result<(), DbErr> {
        /// How many candles go at once.
        const BATCH: u64 = 10_000;
        tracing::info!(
            provider = self.provider.name(),
            %day,
            "the years have run out: the replay restarts at its first day"
        );
        let store = &self.desk.store;
        let from = market::session_open(day);
        let stocks = bounded(store::stock::all(store.database.read())).await?;
        for stock in stocks {
            if self.provider.knows(&stock.symbol) != Some(true) {
                continue;
            }
            for interval in CandleInterval::ALL {
                let from = CandleKey {
                    stock_id: stock.id,
                    interval,
                    start: from,
                };
                while !self.desk.stopping.is_cancelled() {
                    let deleting = store::candle::delete_from(&store.database, from, BATCH);
                    if bounded(deleting).await? < BATCH {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Leaves a failing database alone for a moment.
    async fn pause(&self) {
        let stopping = &self.desk.stopping;
        stopping.run_until_cancelled(self.desk.pause()).await;
    }

    /// Tells how it is doing, which needs no write that succeeds, and answers requests.
    pub(super) async fn look_once(&mut self) -> Result<(), DbErr> {
        if self.observing.is_due() {
            self.plan.reload(&self.desk.store).await?;
            let (now, interval) = (self.desk.now(), self.interval());
            let expected = |newest_day: Option<_>| StalenessContext {
                now,
                interval,
                hours: PollingHours::Always,
                sessions: newest_day.map_or_else(|| LastSessions::at(now), LastSessions::replayed),
                replayed: true,
            };
            self.plan.observe_once(&self.desk, expected).await?;
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
        let outcome = match self.provider.knows(&request.symbol) {
            Some(true) => {
                let answers = Answers {
                    provider: self.provider.name(),
                    confirmed: vec![request.symbol.clone()],
                    track: request.track.then_some((request.symbol, request.name)),
                    ..Answers::default()
                };
                let stored = self.desk.record(answers).await;
                stored.map_or(PollOutcome::Failed, |_| PollOutcome::Answered)
            }
            Some(false) => PollOutcome::UnknownSymbol,
            None => PollOutcome::Failed,
        };
        let answered = request::answer(&self.desk.store, &request.ids, Verdict::of(outcome));
        bounded(answered).await
    }

    /// The time that a day takes, none at full speed; `None` once the replay has ended.
    fn interval(&self) -> Option<Duration> {
        (!self.provider.finished()).then(|| self.every.unwrap_or_default())
    }

    fn standings(&self) -> Vec<Standing> {
        let own = Standing {
            name: self.provider.name(),
            rank: self.rank,
            state: ProviderState::Ok,
            effective_interval: self.interval(),
            note: self.provider.note(),
            budget: None,
        };
        std::iter::once(own)
            .chain(self.bystanders.iter().cloned())
            .collect()
    }
}
