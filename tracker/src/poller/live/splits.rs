//! Requests splits: immediately for a stock with held prices, and once a day for every other stock.
//!
//! Held prices are released when a provider has answered, when none can, or at their
//! deadline. They are read from the database, so a tracker also releases those of another one.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use entity::{Split, Symbol, Timestamp};
use store::{
    held_price::{self, HeldStock},
    split::{self, DueSplitCheck},
};
use tokio::task::{JoinError, JoinSet};

use super::{
    LiveLoop, ProviderHealth, REFRESH_INTERVAL, completion::join, provider_health::Availability,
};
use crate::{
    budget::{Purpose, ReserveOutcome},
    metrics::Endpoint,
    poller::context::{Attempt, PollContext, with_timeout},
    provider::{PollError, QuoteProvider, RequestBudget},
    schedule::reserved_requests,
};

/// Minimum time between two background requests for the splits of a stock.
const MIN_INTERVAL: Duration = Duration::from_hours(24);
/// Delay after a background request that failed or was not sent.
const RETRY_DELAY: Duration = Duration::from_mins(5);

/// The state of split requests.
#[derive(Debug, Default)]
pub(super) struct SplitRequests {
    /// The stocks with held prices, as last read.
    held: Vec<HeldStock>,
    /// The providers that have failed since the price of a stock was held, by stock.
    failed: HashMap<i64, Vec<usize>>,
    /// When the next request for a stock may be sent, by stock.
    not_before: HashMap<i64, Timestamp>,
    /// The next stock for a background request, and the number of such requests today.
    due: Option<(DueSplitCheck, u64)>,
    background_paused_until: Option<Timestamp>,
    /// The stocks with a request in flight.
    requested: HashSet<i64>,
    /// The stocks whose prices are being released without a request.
    releasing: HashSet<i64>,
    pub(super) in_flight: JoinSet<CompletedSplits>,
}

/// A request that has ended, or a release.
#[derive(Debug)]
pub(super) struct CompletedSplits {
    stock_id: i64,
    /// The provider and the outcome of the request; `None` for a release without a request.
    request: Option<(usize, Attempt)>,
}

/// What to do about a stock with held prices.
enum HeldAction {
    Request(usize),
    Wait(Timestamp),
    Release,
}

impl LiveLoop {
    /// Reads which prices are held, and which stock is next for a background request.
    pub(super) async fn load_splits(&mut self) -> Result<(), store::Error> {
        let database = self.context.store.database.read();
        let unserved = self.unserved(|it| it.splits().is_some());
        let (splits, now) = (&mut self.splits, self.context.now());
        splits.held = with_timeout(held_price::stocks(database)).await?;
        let is_held = |id: &i64| splits.held.iter().any(|held| held.stock_id == *id);
        splits.failed.retain(|id, _| is_held(id));
        splits.not_before.retain(|id, _| is_held(id));
        splits.due = None;
        let reporting = self
            .providers
            .iter()
            .find(|health| health.provider.splits().is_some());
        let paused = splits
            .background_paused_until
            .is_some_and(|until| until > now);
        if let Some(health) = reporting.filter(|_| self.settings.history && !paused)
            && let Some(due) =
                with_timeout(split::next(database, now.before(MIN_INTERVAL), &unserved)).await?
        {
            let today = health.budget.day.last_midnight(now);
            let count = with_timeout(split::requests_since(database, today)).await?;
            splits.due = Some((due, count));
        }
        Ok(())
    }

    /// Dispatches every request that can be sent now. Returns when to try again, if nothing happens
    /// before.
    pub(super) fn dispatch_splits(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for held in self.splits.held.clone() {
            if self.splits.releasing.contains(&held.stock_id) {
                continue;
            }
            match self.action_for(&held, now) {
                HeldAction::Request(provider) => {
                    self.spawn_split_request(provider, held.stock_id, held.symbol, now);
                }
                HeldAction::Wait(until) => {
                    next = Some(next.map_or(until, |next| next.min(until)));
                }
                HeldAction::Release => self.spawn_release(held.stock_id),
            }
        }
        self.dispatch_background_splits(now);
        next
    }

    fn action_for(&self, held: &HeldStock, now: Timestamp) -> HeldAction {
        if held.held_until <= now {
            return HeldAction::Release;
        }
        let wait = |until: Timestamp| HeldAction::Wait(until.min(held.held_until));
        if self.splits.requested.contains(&held.stock_id) {
            return HeldAction::Wait(held.held_until);
        }
        let not_before = self.splits.not_before.get(&held.stock_id);
        if let Some(until) = not_before.filter(|until| **until > now) {
            return wait(*until);
        }
        let failed = self.splits.failed.get(&held.stock_id);
        for (provider, health) in self.providers.iter().enumerate() {
            let has_failed = failed.is_some_and(|failed| failed.contains(&provider));
            if has_failed || health.provider.splits().is_none() || !health.serves(&held.symbol) {
                continue;
            }
            match health.availability_on_request(now) {
                Availability::Ready => return HeldAction::Request(provider),
                Availability::RetryAt(until) => return wait(until),
                Availability::Skip(Some(until)) if until < held.held_until => {
                    return wait(until);
                }
                Availability::Skip(_) => {}
            }
        }
        HeldAction::Release
    }

    /// Requests the splits of one stock, unless another request has priority. This uses at most
    /// half of the day's reserve.
    fn dispatch_background_splits(&mut self, now: Timestamp) {
        let busy = self.scheduled > 0
            || !self.refresh_requests.is_empty()
            || !self.splits.requested.is_empty();
        if busy {
            return;
        }
        let Some((due, _)) = &self.splits.due else {
            return;
        };
        let is_usable = |health: &ProviderHealth| {
            health.provider.splits().is_some()
                && health.serves(&due.symbol)
                && health.availability(now) == Availability::Ready
        };
        let Some(provider) = self.providers.iter().position(is_usable) else {
            return;
        };
        let limit = self.providers[provider]
            .budget
            .per_day
            .map(|limit| u64::from(reserved_requests(limit) / 2));
        let fits = |due: &mut (DueSplitCheck, u64)| limit.is_none_or(|limit| due.1 < limit);
        if let Some((due, _)) = self.splits.due.take_if(fits) {
            self.spawn_split_request(provider, due.stock_id, due.symbol, now);
        }
    }

    fn spawn_split_request(
        &mut self,
        provider: usize,
        stock_id: i64,
        symbol: Symbol,
        now: Timestamp,
    ) {
        let health = &mut self.providers[provider];
        health.record_sent(now);
        let (splits, budget) = (Arc::clone(&health.provider), health.budget);
        let context = Arc::clone(&self.context);
        self.splits.requested.insert(stock_id);
        self.splits.in_flight.spawn(async move {
            let attempt = context.request_splits(splits.as_ref(), budget, stock_id, symbol);
            CompletedSplits {
                stock_id,
                request: Some((provider, attempt.await)),
            }
        });
    }

    fn spawn_release(&mut self, stock_id: i64) {
        let context = Arc::clone(&self.context);
        self.splits.releasing.insert(stock_id);
        self.splits.in_flight.spawn(async move {
            context.release_held(stock_id, None).await;
            CompletedSplits {
                stock_id,
                request: None,
            }
        });
    }

    /// Completes a request or a release.
    pub(super) fn complete_splits(&mut self, completed: Result<CompletedSplits, JoinError>) {
        let Some(CompletedSplits { stock_id, request }) = join(completed) else {
            return;
        };
        let now = self.context.now();
        let Some((provider, attempt)) = request else {
            self.splits.releasing.remove(&stock_id);
            self.splits.held.retain(|held| held.stock_id != stock_id);
            return;
        };
        self.splits.requested.remove(&stock_id);
        let planned = self.routing.pace(provider).intervals();
        let health = &mut self.providers[provider];
        health.in_flight -= 1;
        let retry_at = match attempt {
            Attempt::Completed { results, .. } => {
                match results.into_iter().find_map(|(_, error)| error) {
                    None => {
                        self.splits.held.retain(|held| held.stock_id != stock_id);
                        return;
                    }
                    Some(error) => {
                        if error.is_provider_wide() {
                            health.record_error(&error, planned, now, &self.context.random);
                        }
                        match error {
                            PollError::RateLimited { wait } => Some(now.after(wait)),
                            _ => None,
                        }
                    }
                }
            }
            Attempt::BudgetExhausted(ReserveOutcome::WindowExhausted(until)) => {
                health.exhaust_window(until);
                Some(until)
            }
            Attempt::BudgetExhausted(ReserveOutcome::DayExhausted(until)) => {
                health.exhaust_day(until);
                None
            }
            Attempt::NotReserved(error) => {
                tracing::debug!(
                    error = error.as_dyn(),
                    "failed to reserve a request for splits"
                );
                Some(now.after(REFRESH_INTERVAL))
            }
            Attempt::BudgetExhausted(_) | Attempt::NotStored => None,
        };
        self.splits.background_paused_until = Some(now.after(RETRY_DELAY));
        let is_held = self
            .splits
            .held
            .iter()
            .any(|held| held.stock_id == stock_id);
        match retry_at {
            Some(until) => {
                self.splits.not_before.insert(stock_id, until);
            }
            None if is_held => self
                .splits
                .failed
                .entry(stock_id)
                .or_default()
                .push(provider),
            None => {}
        }
    }
}

impl PollContext {
    /// Requests the splits of a stock, stores them and releases its held prices. After a failed
    /// request the prices stay held.
    async fn request_splits(
        &self,
        provider: &dyn QuoteProvider,
        budget: RequestBudget,
        stock_id: i64,
        symbol: Symbol,
    ) -> Attempt {
        let name = provider.name();
        let Some(splits) = provider.splits() else {
            return Attempt::NotStored;
        };
        let request = match self
            .reserve(name, budget, Purpose::Requested, 1..=1, &[])
            .await
        {
            Ok(request) => request,
            Err(attempt) => return attempt,
        };
        // Written before the request, so that a restart does not repeat it.
        let recording = split::record_request(self.store.database.write(), stock_id, self.now());
        if let Err(error) = with_timeout(recording).await {
            tracing::debug!(provider = name, %symbol, error = error.as_dyn(), "failed to record a request for splits");
        }
        let sending = splits.splits(&symbol);
        let response = self
            .send(name, budget, request, Endpoint::Splits, sending)
            .await;
        match &response {
            Ok(splits) => {
                tracing::debug!(provider = name, %symbol, splits = splits.len(), "splits received");
                let reported = Some((name, splits.as_slice()));
                if self.release_held(stock_id, reported).await.is_none() {
                    return Attempt::NotStored;
                }
            }
            Err(error) => tracing::info!(provider = name, %symbol, %error, "no splits received"),
        }
        Attempt::Completed {
            results: vec![(symbol, response.err())],
            day_left: request.day_left,
        }
    }

    /// Stores reported splits and releases the held prices of a stock. Retries until it succeeds;
    /// returns `None` if the process stops first.
    async fn release_held(&self, stock_id: i64, reported: Option<(&str, &[Split])>) -> Option<()> {
        let releasing = || self.ingest.release(stock_id, reported);
        self.retry("failed to release held prices", releasing)
            .await
            .map(drop)
    }
}
