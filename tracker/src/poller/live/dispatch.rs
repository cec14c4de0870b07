//! Dispatches polls: failover order, retry policy and concurrency limits.
//!
//! Each symbol is polled from the first provider in failover order that serves it and is available.
//! If that provider is only rate limited, the symbol waits for it, so that its prices do not
//! alternate between providers. Each scheduled poll is sent once; if it fails, the next provider is
//! tried, or the same one is retried.

mod batch;

use std::{sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use market::is_unpriced;
use tokio::time::Instant;
use tracing::instrument::WithSubscriber;

use super::{
    LiveLoop, ProviderHealth, REFRESH_INTERVAL, RefreshRequest, SymbolLists,
    completion::CompletedRequest, provider_health::Availability, refresh_request::Failure,
};
use crate::{
    budget::Purpose,
    poller::{context::NewStock, tracked_stocks::TrackedStock},
    provider::PollError,
    schedule::{due_at, is_due_soon, symbol_interval},
    stream::Coverage,
};

/// Maximum number of scheduled polls in flight.
const MAX_SCHEDULED: usize = 4;
/// Maximum number of requested polls in flight, in addition to the scheduled ones.
const MAX_REQUESTED: usize = 4;
/// Minimum time between two runs of the loop, so that it does not spin if the clock stands still.
const MIN_DELAY: Duration = Duration::from_millis(5);

/// Where to send the poll of a symbol.
enum Route {
    Poll(ScheduledPoll),
    /// To no provider yet. Contains when to try again, if known.
    Wait(Option<Timestamp>),
}

/// A scheduled poll. Symbols with equal polls can share a request.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ScheduledPoll {
    provider: usize,
    purpose: Purpose,
    /// Whether it is the first of its scheduled time, not a failover or retry.
    planned: bool,
}

/// A symbol to poll. Those that compare less are polled first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct DueSymbol {
    /// Whether its poll is not planned, but replaces a failed one.
    retry: bool,
    /// Whether its last answers had no price.
    unpriced: bool,
    /// Whether it lets preferred stocks go before it.
    waits: bool,
    since: Option<Timestamp>,
    symbol: Symbol,
}

/// The symbols to poll now, and those that can join their requests.
struct DueSymbols {
    /// In the order in which they are polled. Each with whether its poll is planned.
    due: Vec<(bool, Symbol)>,
    /// The symbols that are due soon, each with the time. They join a request that costs nothing
    /// more with them, so that symbols whose times drifted apart share requests again.
    soon: Vec<(Timestamp, Symbol)>,
    /// When the next symbol is due.
    next: Option<Timestamp>,
}

impl LiveLoop {
    /// Dispatches every request that can be sent now. Returns when to dispatch again if nothing
    /// happens before.
    pub(super) fn dispatch_once(&mut self) -> Instant {
        let started = Instant::now();
        if let Some(until) = self.paused_until.filter(|until| *until > started) {
            return until;
        }
        let now = self.context.now();
        self.update_routing();
        let lists = self.dispatch_lists(now);
        let requested = self.dispatch_refresh_requests(now);
        let searches = self.dispatch_searches(now);
        let scheduled = self.dispatch_scheduled(now);
        let splits = self.dispatch_splits(now);
        self.dispatch_backfill(now);
        let next = [lists, requested, searches, scheduled, splits]
            .into_iter()
            .flatten()
            .min();
        started
            + next.map_or(REFRESH_INTERVAL, |next| {
                next.since(now).clamp(MIN_DELAY, REFRESH_INTERVAL)
            })
    }

    /// Dispatches the scheduled polls that are due, the longest overdue first: those of preferred
    /// stocks before the others until these are overdue by an interval, and those of stocks
    /// without a price last.
    fn dispatch_scheduled(&mut self, now: Timestamp) -> Option<Timestamp> {
        let DueSymbols {
            mut due,
            mut soon,
            mut next,
        } = self.due_symbols(now);
        while !due.is_empty() && self.scheduled < MAX_SCHEDULED {
            let (planned, symbol) = due.remove(0);
            match self.route(&symbol, planned, now) {
                Route::Wait(until) => next = [next, until].into_iter().flatten().min(),
                Route::Poll(poll) => {
                    let symbols = self.take_batch(symbol, poll, &mut due, &mut soon, now);
                    self.scheduled += 1;
                    let retry = poll.purpose == Purpose::Retry;
                    for symbol in &symbols {
                        let state = self.symbols.entry(symbol.clone()).or_default();
                        state.record_sent(poll.provider, poll.planned, retry);
                    }
                    if retry {
                        let interval = self.routing.pace(poll.provider).plan.interval;
                        self.providers[poll.provider].record_retry(interval, now);
                    }
                    self.spawn_poll(poll.provider, symbols, poll.purpose, None, now);
                }
            }
        }
        next
    }

    /// Returns the symbols to poll now or soon.
    fn due_symbols(&mut self, now: Timestamp) -> DueSymbols {
        let hours = self.settings.hours;
        let mut due: Vec<DueSymbol> = Vec::new();
        let mut soon: Vec<(Timestamp, Symbol)> = Vec::new();
        let mut next: Option<Timestamp> = None;
        for (symbol, stock) in &self.tracked.stocks {
            let Some(interval) = self.routing.interval(symbol) else {
                continue;
            };
            let state = self.symbols.entry(symbol.clone()).or_default();
            if state.in_flight {
                continue;
            }
            let interval = symbol_interval(stock.unpriced_answers, interval);
            let at = match self.context.streams.coverage(symbol, interval, now) {
                Coverage::Fresh => continue,
                Coverage::Unseeded => state.seed_due_at(interval, now),
                Coverage::None => due_at(
                    stock.answered_at,
                    self.started_at,
                    interval,
                    (hours, stock.market),
                    now,
                ),
            };
            let is_list_loaded = |provider: usize| self.providers[provider].has_whole_list();
            let is_released = state.awaits_list.is_some_and(is_list_loaded);
            let at = if is_released { now } else { at };
            let unanswered = unanswered_since(stock, interval, now).filter(|_| !is_released);
            let at = unanswered.map_or(at, |requested_at| at.max(requested_at.after(interval)));
            let planned = at <= now;
            if !planned {
                next = Some(next.map_or(at, |next| next.min(at)));
                if unanswered.is_none() {
                    if is_due_soon(at, interval, (hours, stock.market), now) {
                        soon.push((at, symbol.clone()));
                    }
                    continue;
                }
                state.adopt_unanswered(self.providers.len());
            }
            // A symbol that fails repeatedly comes after those that wait for their first poll.
            let since = Some(at.min(now)).max(state.sent_at);
            due.push(DueSymbol {
                retry: !planned,
                unpriced: is_unpriced(stock.unpriced_answers),
                waits: !stock.preferred && at.after(interval) > now,
                since,
                symbol: symbol.clone(),
            });
        }
        due.sort();
        soon.sort();
        DueSymbols {
            due: due.into_iter().map(|it| (!it.retry, it.symbol)).collect(),
            soon,
            next,
        }
    }

    /// Dispatches the poll requests of clients.
    fn dispatch_refresh_requests(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for index in 0..self.refresh_requests.len() {
            let in_flight = self
                .refresh_requests
                .iter()
                .filter(|refresh| refresh.in_flight)
                .count();
            let refresh = &mut self.refresh_requests[index];
            let symbol = refresh.request.symbol.clone();
            let polled = self.symbols.get(&symbol).is_some_and(|it| it.in_flight);
            if refresh.in_flight
                || refresh.completion.is_some()
                || polled
                || in_flight >= MAX_REQUESTED
            {
                continue;
            }
            for (provider, health) in self.providers.iter().enumerate() {
                let knows = health.provider.knows(&symbol);
                if knows == Some(false) || refresh.has_tried(provider) {
                    continue;
                }
                match health.availability_on_request(now) {
                    Availability::Skip(until) => refresh.mark_tried(provider, None, until),
                    Availability::RetryAt(until) => {
                        next = Some(next.map_or(until, |next| next.min(until)));
                        break;
                    }
                    Availability::Ready => {
                        let decided = knows.is_some() || !self.lists.is_pending(provider);
                        refresh.in_flight = decided;
                        break;
                    }
                }
            }
            let mut is_unknown = true;
            let untried = (0..self.providers.len()).find(|provider| {
                let serves = self.providers[*provider].serves(&symbol);
                is_unknown &= !serves;
                serves && !refresh.has_tried(*provider)
            });
            match untried {
                None if is_unknown => refresh.reject_unknown(),
                None => {
                    let failures = failures(refresh, &self.providers, &self.lists);
                    refresh.give_up(&failures);
                }
                Some(provider) if refresh.in_flight => {
                    let name = refresh.request.name.clone();
                    let track = refresh.request.track.then(|| (symbol.clone(), name));
                    self.spawn_poll(provider, vec![symbol], Purpose::Requested, track, now);
                }
                Some(_) => {}
            }
        }
        next
    }

    fn spawn_poll(
        &mut self,
        provider: usize,
        symbols: Vec<Symbol>,
        purpose: Purpose,
        track: Option<NewStock>,
        now: Timestamp,
    ) {
        let health = &mut self.providers[provider];
        let mut failing_alone = Vec::new();
        for symbol in &symbols {
            let state = self.symbols.entry(symbol.clone()).or_default();
            state.in_flight = true;
            if state.fails_alone(provider, health.responses()) {
                failing_alone.push(symbol.clone());
            }
        }
        health.record_sent(now);
        let (quotes, budget) = (Arc::clone(&health.provider), health.budget);
        let context = Arc::clone(&self.context);
        let request = async move {
            let quotes = quotes.as_ref();
            let attempt = context
                .poll_and_store(quotes, budget, purpose, &symbols, &failing_alone, track)
                .await;
            CompletedRequest {
                provider,
                symbols,
                purpose,
                sent_at: now,
                attempt,
            }
        };
        self.requests.spawn(request.with_current_subscriber());
    }

    /// Returns where to send the poll of a symbol that is due (`planned`), or whose last poll
    /// failed.
    fn route(&self, symbol: &Symbol, planned: bool, now: Timestamp) -> Route {
        let mut earliest: Option<Timestamp> = None;
        let state = self.symbols.get(symbol);
        for (provider, health) in self.providers.iter().enumerate() {
            let knows = health.provider.knows(symbol);
            if knows == Some(false) {
                continue;
            }
            let excluded = state.and_then(|state| state.not_entitled_until(provider, now));
            let poll = |purpose| {
                Route::Poll(ScheduledPoll {
                    provider,
                    purpose,
                    planned,
                })
            };
            let until = match (excluded, health.availability(now)) {
                (None, Availability::Ready) => {
                    if knows.is_none() && self.lists.is_pending(provider) {
                        return Route::Wait(None);
                    }
                    if planned || !state.is_some_and(|state| state.has_tried(provider)) {
                        return poll(Purpose::Scheduled);
                    }
                    let retry_at = state.and_then(|state| state.retry_at(now));
                    let interval = self.routing.pace(provider).plan.interval;
                    match retry_at.filter(|_| health.may_retry(interval, now)) {
                        Some(until) if until > now => return Route::Wait(Some(until)),
                        Some(_) => return poll(Purpose::Retry),
                        None => None,
                    }
                }
                (None, Availability::RetryAt(until)) => return Route::Wait(Some(until)),
                (None, Availability::Skip(until)) => until,
                (Some(until), _) => Some(until),
            };
            earliest = [earliest, until].into_iter().flatten().min();
        }
        Route::Wait(earliest)
    }
}

/// Returns why the providers that were tried for a poll request returned no price.
fn failures(
    refresh: &RefreshRequest,
    providers: &[ProviderHealth],
    lists: &SymbolLists,
) -> Vec<Failure> {
    let failure = |(index, error): &(usize, Option<PollError>)| {
        let (health, error) = (&providers[*index], error.as_ref());
        let (error, retry_at) = match health.refusal() {
            Some((refusal, until)) => (Some(refusal), Some(until)),
            None => (error, lists.retry_at(*index, error)),
        };
        Failure {
            provider: health.provider.name(),
            error: error.cloned(),
            retry_at,
        }
    };
    refresh.tried().iter().map(failure).collect()
}

/// Returns when the last scheduled poll of a stock was sent, if it is unanswered. A time far in the
/// future was recorded by a wrong clock and is ignored.
fn unanswered_since(stock: &TrackedStock, interval: Duration, now: Timestamp) -> Option<Timestamp> {
    let requested_at = stock.requested_at.filter(|at| *at <= now.after(interval));
    requested_at.filter(|requested_at| stock.answered_at < Some(*requested_at))
}
