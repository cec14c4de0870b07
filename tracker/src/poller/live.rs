//! The loop over live providers: scheduled polls, requested polls and searches, and requests for
//! history, splits and lists of symbols. [`routing`] decides which provider is polled for a symbol.
//!
//! The loop itself is one task that owns all state. It dispatches requests as separate tasks
//! ([`dispatch`]) and applies their results ([`completion`]). At most one poll per symbol is in
//! flight, so the quotes of a symbol are stored in the order of their requests.

mod backfill;
mod completion;
mod dispatch;
mod lists;
mod provider_health;
mod refresh;
mod refresh_request;
mod routing;
mod searches;
mod splits;
mod symbol_state;

use std::{collections::HashMap, sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use runtime::outage_log::OutageLog;
use store::provider::ProviderStatus;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

pub(super) use self::searches::search_list;
use self::{
    backfill::Backfill, completion::CompletedRequest, lists::SymbolLists,
    provider_health::ProviderHealth, refresh_request::RefreshRequest, routing::Routing,
    searches::SymbolSearches, splits::SplitRequests, symbol_state::SymbolState,
};
use super::{
    PollSettings,
    context::{PollContext, database_outage},
    tracked_stocks::{Throttle, TrackedStocks},
};
use crate::{provider::QuoteProvider, status::StatusWriter};

/// Maximum time between two refreshes of everything that is read from the database.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum time between two refreshes of the tracked stocks while the feed grows.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(100);
/// How often old poll requests are deleted.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);

/// The loop and its state.
pub(super) struct LiveLoop {
    context: Arc<PollContext>,
    settings: PollSettings,
    /// In failover order.
    providers: Vec<ProviderHealth>,
    /// The providers that are configured but not polled.
    standby: Vec<ProviderStatus>,
    started_at: Timestamp,
    tracked: TrackedStocks,
    symbols: HashMap<Symbol, SymbolState>,
    routing: Routing,
    lists: SymbolLists,
    refresh_requests: Vec<RefreshRequest>,
    /// The polls and backfill requests in flight.
    requests: JoinSet<CompletedRequest>,
    /// The number of scheduled polls in flight.
    scheduled: usize,
    backfill: Backfill,
    splits: SplitRequests,
    searches: SymbolSearches,
    status: StatusWriter,
    /// No requests are dispatched before, because the database failed to reserve one.
    paused_until: Option<Instant>,
    metrics_throttle: Throttle,
    prune_throttle: Throttle,
    outage: OutageLog,
    /// The symbols that no provider serves, as last written.
    unserved: Option<Vec<Symbol>>,
}

impl LiveLoop {
    /// Creates the loop for providers with their ranks.
    pub(super) fn new(
        context: Arc<PollContext>,
        settings: PollSettings,
        providers: Vec<(i32, Arc<dyn QuoteProvider>)>,
        standby: Vec<ProviderStatus>,
    ) -> Self {
        let status = StatusWriter::new(context.metrics.clone());
        let providers: Vec<ProviderHealth> = providers
            .into_iter()
            .map(|(rank, provider)| ProviderHealth::new(rank, provider))
            .collect();
        let lists = SymbolLists::new(providers.iter().map(|health| health.provider.list()));
        Self {
            started_at: context.now(),
            context,
            settings,
            providers,
            standby,
            tracked: TrackedStocks::default(),
            symbols: HashMap::new(),
            routing: Routing::default(),
            lists,
            refresh_requests: Vec::new(),
            requests: JoinSet::new(),
            scheduled: 0,
            backfill: Backfill::default(),
            splits: SplitRequests::default(),
            searches: SymbolSearches::default(),
            status,
            paused_until: None,
            metrics_throttle: Throttle::new(REFRESH_INTERVAL),
            prune_throttle: Throttle::new(PRUNE_INTERVAL),
            outage: database_outage(),
            unserved: None,
        }
    }

    /// Polls until the process begins to shut down, then completes the requests in flight.
    pub(super) async fn run(mut self) {
        let doorbell = &self.context.store.doorbell;
        let (mut feed, mut request) = (doorbell.feed(), doorbell.requests());
        let stopping = self.context.stopping.clone();
        let mut refreshed = self.refresh_once(true).await;
        let mut refresh_at = refreshed + REFRESH_INTERVAL;
        while !stopping.is_cancelled() {
            let wake = self.dispatch_once().min(refresh_at);
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                Some(request) = self.requests.join_next() => self.complete(request),
                Some(request) = self.splits.in_flight.join_next() => self.complete_splits(request),
                Some(request) = self.lists.in_flight.join_next() => self.complete_list(request),
                Some(request) = self.searches.in_flight.join_next() => self.complete_search(request),
                () = request.notified() => { self.refresh_once(false).await; }
                () = feed.notified() => {
                    refresh_at = refresh_at.min(refreshed + MIN_REFRESH_INTERVAL);
                }
                () = sleep_until(wake) => {}
            }
            if Instant::now() >= refresh_at {
                refreshed = self.refresh_once(true).await;
                refresh_at = refreshed + REFRESH_INTERVAL;
            }
            self.respond_once().await;
        }
        while let Some(request) = self.requests.join_next().await {
            self.complete(request);
        }
        while let Some(request) = self.splits.in_flight.join_next().await {
            self.complete_splits(request);
        }
        while let Some(request) = self.lists.in_flight.join_next().await {
            self.complete_list(request);
        }
        while let Some(request) = self.searches.in_flight.join_next().await {
            self.complete_search(request);
        }
        self.respond_once().await;
    }
}
