//! The loop over providers that wait to be asked.
//!
//! One invariant: of one symbol at most one poll is under way, so that answers are stored in the order in which they
//! were given; everything the loop knows lives in this one task. Polls run beside it and come back to be settled.

mod backfill;
mod completion;
mod dispatch;
mod provider_health;
mod refresh;
mod refresh_request;
mod splits;
mod symbol_state;

use std::{collections::HashMap, sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use store::feed::Bell;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::{
    backfill::History, completion::Done, provider_health::Seat, refresh_request::Demand,
    splits::SplitChecks, symbol_state::Watch,
};
use super::{
    Rules,
    context::{Desk, Outage},
    tracked_stocks::{Every, Plan},
};
use crate::{
    provider::QuoteProvider,
    status::{Standing, Status},
};

/// How often everything is looked at without a reason.
const LOOK: Duration = Duration::from_secs(1);
/// The least time between two looks at the plan, however often the feed grows.
const CALM: Duration = Duration::from_millis(100);
/// How often old requests are forgotten.
const PRUNE: Duration = Duration::from_mins(1);

/// The loop and all it knows.
pub(super) struct Polling {
    desk: Arc<Desk>,
    rules: Rules,
    /// In the order in which they are asked.
    seats: Vec<Seat>,
    /// Providers that are configured and never asked.
    bystanders: Vec<Standing>,
    started_at: Timestamp,
    plan: Plan,
    watches: HashMap<Symbol, Watch>,
    demands: Vec<Demand>,
    jobs: JoinSet<Done>,
    /// Polls of the plan among the jobs.
    scheduled: usize,
    history: History,
    splits: SplitChecks,
    status: Status,
    /// Until when a database that could not charge is left alone.
    held_until: Option<Instant>,
    observing: Every,
    pruning: Every,
    outage: Outage,
}

impl Polling {
    pub(super) fn new(
        desk: Arc<Desk>,
        rules: Rules,
        providers: Vec<(i32, Arc<dyn QuoteProvider>)>,
        bystanders: Vec<Standing>,
    ) -> Self {
        let status = Status::new(desk.metrics.clone());
        let seats = providers
            .into_iter()
            .map(|(rank, provider)| Seat::new(rank, provider))
            .collect();
        Self {
            started_at: desk.now(),
            desk,
            rules,
            seats,
            bystanders,
            plan: Plan::default(),
            watches: HashMap::new(),
            demands: Vec::new(),
            jobs: JoinSet::new(),
            scheduled: 0,
            history: History::default(),
            splits: SplitChecks::default(),
            status,
            held_until: None,
            observing: Every::new(LOOK),
            pruning: Every::new(PRUNE),
            outage: Outage::default(),
        }
    }

    /// Polls until the process begins to end, then settles what is under way.
    pub(super) async fn run(mut self) {
        let doorbell = &self.desk.store.doorbell;
        let (mut feed, mut request) = (doorbell.listen(Bell::Feed), doorbell.listen(Bell::Request));
        let stopping = self.desk.stopping.clone();
        let mut looked = self.look_once(true).await;
        let mut look_at = looked + LOOK;
        while !stopping.is_cancelled() {
            let wake = self.start_once().min(look_at);
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                Some(done) = self.jobs.join_next() => self.settle(done),
                Some(checked) = self.splits.jobs.join_next() => self.settle_splits(checked),
                () = request.notified() => { self.look_once(false).await; }
                () = feed.notified() => look_at = look_at.min(looked + CALM),
                () = sleep_until(wake) => {}
            }
            if Instant::now() >= look_at {
                looked = self.look_once(true).await;
                look_at = looked + LOOK;
            }
            self.answer_once().await;
        }
        while let Some(done) = self.jobs.join_next().await {
            self.settle(done);
        }
        while let Some(checked) = self.splits.jobs.join_next().await {
            self.settle_splits(checked);
        }
        self.answer_once().await;
    }
}
