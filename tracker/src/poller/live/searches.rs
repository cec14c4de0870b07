//! Searches for symbols that clients request: from the providers that search, in the cache of
//! earlier searches, and in the lists of symbols.
//!
//! A provider is sent one search at a time, at most `SEARCH_PER_MINUTE`, and on a day at most half
//! of the reserve. A search is answered when all providers have been searched, or at its deadline
//! with what was found.

mod request;

use std::{borrow::Cow, collections::HashSet, sync::Arc, time::Duration};

use entity::{SymbolMatch, Timestamp};
use store::{
    poll_request::{self, PendingSearch},
    symbol_search::{self, MAX_MATCHES, SearchResult, SkippedProvider},
};
use tokio::{
    task::{JoinError, JoinSet},
    time::Instant,
};

use self::request::SearchError;
use super::{
    LiveLoop, ProviderHealth,
    completion::join,
    provider_health::{Availability, MIN_REQUEST_INTERVAL},
};
use crate::{
    budget::ReserveOutcome,
    poller::context::{Attempt, with_timeout},
    provider::{QuoteProvider, SymbolList},
};

/// Timeout of a search. `api` waits longer, so that it gets what was found by then.
const TIMEOUT: Duration = Duration::from_secs(6);
/// The state of a provider that has not answered by the deadline.
const TIMED_OUT: &str = "it did not answer in time";

/// The searches of clients, and the requests for them.
#[derive(Debug, Default)]
pub(super) struct SymbolSearches {
    open: Vec<OpenSearch>,
    /// The providers with a request in flight.
    busy: HashSet<usize>,
    pub(super) in_flight: JoinSet<CompletedSearch>,
}

/// A search that is not answered yet.
#[derive(Debug)]
struct OpenSearch {
    request: PendingSearch,
    deadline: Instant,
    /// What each provider found, in failover order.
    found: Vec<ProviderSearch>,
}

/// What a provider found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ProviderSearch {
    /// It was not searched yet.
    Due,
    InFlight,
    Found(Vec<SymbolMatch>),
    /// It was not searched, or failed.
    Skipped(Cow<'static, str>),
}

/// A request that has ended.
#[derive(Debug)]
pub(super) struct CompletedSearch {
    provider: usize,
    query: String,
    result: Result<Vec<SymbolMatch>, SearchError>,
}

impl ProviderSearch {
    fn is_open(&self) -> bool {
        matches!(self, Self::Due | Self::InFlight)
    }
}

impl SymbolSearches {
    /// Returns the ids of the requests that are not answered yet.
    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        let requests = self.open.iter().map(|search| &search.request);
        requests.flat_map(|request| &request.ids).copied()
    }

    /// Forgets the searches, which were answered otherwise.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

impl LiveLoop {
    /// Adds the searches of clients, with what is cached.
    pub(super) async fn open_searches(
        &mut self,
        requests: Vec<PendingSearch>,
    ) -> Result<(), store::Error> {
        for request in requests {
            let database = self.context.store.database.read();
            let since = self.context.now().before(self.settings.search.cache);
            let cached = symbol_search::cached(database, &request.query, since);
            let mut cached = with_timeout(cached).await?;
            let mut find = |health: &ProviderHealth| {
                let name = health.provider.name();
                let found = cached.iter().position(|it| it.provider == name);
                match found.map(|index| cached.swap_remove(index)) {
                    Some(cached) => ProviderSearch::Found(cached.matches),
                    None if can_search(health.provider.as_ref()) => ProviderSearch::Due,
                    None => ProviderSearch::Found(Vec::new()),
                }
            };
            let found = self.providers.iter().map(&mut find).collect();
            self.searches.open.push(OpenSearch {
                request,
                deadline: Instant::now() + TIMEOUT,
                found,
            });
        }
        Ok(())
    }

    /// Searches every provider that can be searched now. Returns when to try again, if nothing
    /// happens before.
    pub(super) fn dispatch_searches(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for index in 0..self.searches.open.len() {
            for provider in 0..self.providers.len() {
                if self.searches.open[index].found[provider] != ProviderSearch::Due {
                    continue;
                }
                let query = self.searches.open[index].request.query.clone();
                match self.search_provider(provider, &query, now) {
                    Ok(found) => self.searches.open[index].found[provider] = found,
                    Err(until) => next = [next, until].into_iter().flatten().min(),
                }
            }
        }
        next
    }

    /// Searches a provider, unless it must wait: then returns until when, if known.
    fn search_provider(
        &mut self,
        provider: usize,
        query: &str,
        now: Timestamp,
    ) -> Result<ProviderSearch, Option<Timestamp>> {
        let health = &mut self.providers[provider];
        if let Some(list) = health.provider.list() {
            return match search_list(list, query) {
                Some(found) => Ok(ProviderSearch::Found(found)),
                None if self.lists.is_pending(provider) => Err(None),
                None => Ok(ProviderSearch::Skipped(
                    "its list of symbols is not loaded".into(),
                )),
            };
        }
        if self.searches.busy.contains(&provider) {
            return Err(None);
        }
        match health.availability_on_request(now) {
            Availability::Ready => {}
            Availability::RetryAt(until) => return Err(Some(until)),
            Availability::Skip(_) => {
                return Ok(ProviderSearch::Skipped(
                    "it accepts no requests at the moment".into(),
                ));
            }
        }
        health.record_sent(now);
        self.searches.busy.insert(provider);
        let (searched, budget) = (Arc::clone(&health.provider), health.budget);
        let (context, settings) = (Arc::clone(&self.context), self.settings.search);
        let query = query.to_owned();
        self.searches.in_flight.spawn(async move {
            let searching = context.search(searched.as_ref(), budget, settings, &query);
            let result = searching.await;
            CompletedSearch {
                provider,
                query,
                result,
            }
        });
        Ok(ProviderSearch::InFlight)
    }

    /// Completes a request.
    pub(super) fn complete_search(&mut self, completed: Result<CompletedSearch, JoinError>) {
        let Some(CompletedSearch {
            provider,
            query,
            result,
        }) = join(completed)
        else {
            return;
        };
        let now = self.context.now();
        let planned = self.routing.pace(provider).intervals();
        let health = &mut self.providers[provider];
        health.in_flight -= 1;
        self.searches.busy.remove(&provider);
        let found = match result {
            Ok(found) => ProviderSearch::Found(found),
            Err(SearchError::NotSent(Attempt::BudgetExhausted(
                ReserveOutcome::WindowExhausted(until),
            ))) => {
                health.exhaust_window(until);
                if until.since(now) <= MIN_REQUEST_INTERVAL {
                    // It is sent then.
                    ProviderSearch::Due
                } else {
                    ProviderSearch::Skipped("the requests of the minute are used up".into())
                }
            }
            Err(error) => {
                match &error {
                    SearchError::NotSent(Attempt::BudgetExhausted(
                        ReserveOutcome::DayExhausted(until),
                    )) => health.exhaust_day(*until),
                    SearchError::Failed(error) if error.is_provider_wide() => {
                        health.record_error(error, planned, now, &self.context.random);
                    }
                    _ => {}
                }
                ProviderSearch::Skipped(error.reason())
            }
        };
        for search in &mut self.searches.open {
            if search.request.query == query && search.found[provider].is_open() {
                search.found[provider] = found.clone();
            }
        }
    }

    /// Writes the results of searches that are complete or have timed out.
    pub(super) async fn answer_searches(&mut self) {
        let mut index = 0;
        while index < self.searches.open.len() {
            let search = &self.searches.open[index];
            let is_open = search.found.iter().any(ProviderSearch::is_open);
            let late = Instant::now().saturating_duration_since(search.deadline);
            if is_open && late.is_zero() {
                index += 1;
                continue;
            }
            let result = result(&self.providers, &search.found);
            let ids = &search.request.ids;
            let responding = poll_request::respond_to_search(&self.context.store, ids, &result);
            match with_timeout(responding).await {
                Err(error) if late < poll_request::RESPONSE_TIMEOUT => {
                    tracing::debug!(error = error.as_dyn(), "failed to respond to a search");
                    index += 1;
                }
                _ => {
                    self.searches.open.remove(index);
                }
            }
        }
    }
}

/// Whether a provider can be searched, by a request or in its list.
fn can_search(provider: &dyn QuoteProvider) -> bool {
    provider.search().is_some() || provider.list().is_some()
}

/// Returns the best matches in a list, or `None` if no part of it is loaded.
pub(in crate::poller) fn search_list(
    list: &dyn SymbolList,
    query: &str,
) -> Option<Vec<SymbolMatch>> {
    let is_loaded = (0..list.parts()).any(|part| list.is_loaded(part)) || list.parts() == 0;
    is_loaded.then(|| {
        let mut found = list.find(query);
        found.truncate(MAX_MATCHES);
        found
    })
}

/// Merges what the providers found: the best match of each, then the second of each, and so on.
fn result(providers: &[ProviderHealth], found: &[ProviderSearch]) -> SearchResult {
    let mut result = SearchResult::default();
    let mut lists = Vec::new();
    for (health, found) in providers.iter().zip(found) {
        let reason = match found {
            ProviderSearch::Found(found) => {
                lists.push(found);
                continue;
            }
            ProviderSearch::Skipped(reason) => reason,
            ProviderSearch::Due | ProviderSearch::InFlight => TIMED_OUT,
        };
        result.skipped.push(SkippedProvider {
            provider: Some(health.provider.name().to_owned()),
            reason: reason.to_owned(),
        });
    }
    let longest = lists.iter().map(|list| list.len()).max().unwrap_or(0);
    for rank in 0..longest {
        for found in lists.iter().filter_map(|list| list.get(rank)) {
            let known = result.matches.iter().any(|it| it.symbol == found.symbol);
            if !known && result.matches.len() < MAX_MATCHES {
                result.matches.push(found.clone());
            }
        }
    }
    result
}
