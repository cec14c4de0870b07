//! One search of a provider, within the limits of searches and of the provider.

use std::{borrow::Cow, time::Duration};

use entity::SymbolMatch;
use store::symbol_search::{self, MAX_MATCHES};

use crate::{
    budget::{Purpose, ReserveOutcome},
    metrics::Endpoint,
    poller::{
        SearchSettings,
        context::{Attempt, PollContext, with_timeout},
    },
    provider::{PollError, QuoteProvider, RequestBudget},
    schedule::reserved_requests,
};

/// The window of the limit of searches.
const MINUTE: Duration = Duration::from_mins(1);

/// Why a provider was not searched, or failed.
#[derive(Debug)]
pub(super) enum SearchError {
    /// There were enough searches in the last minute.
    TooMany(u32),
    /// The searches of the day have used their part of the reserve.
    ReserveSpent,
    NotSent(Attempt),
    Failed(PollError),
}

impl SearchError {
    /// Describes the error to clients.
    pub(super) fn reason(&self) -> Cow<'static, str> {
        match self {
            Self::TooMany(limit) => {
                format!("at most {limit} searches a minute are sent to it").into()
            }
            Self::ReserveSpent
            | Self::NotSent(Attempt::BudgetExhausted(
                ReserveOutcome::OnlyReserveLeft(_) | ReserveOutcome::RetriesExhausted(_),
            )) => "the requests of the day that are reserved for searches are used up".into(),
            Self::NotSent(Attempt::BudgetExhausted(_)) => {
                "the requests of the day are used up".into()
            }
            Self::NotSent(_) => "the database is unavailable".into(),
            Self::Failed(error) => error.to_string().into(),
        }
    }
}

impl PollContext {
    /// Searches a provider and stores the matches.
    pub(super) async fn search(
        &self,
        provider: &dyn QuoteProvider,
        budget: RequestBudget,
        settings: SearchSettings,
        query: &str,
    ) -> Result<Vec<SymbolMatch>, SearchError> {
        let name = provider.name();
        let Some(search) = provider.search() else {
            return Ok(Vec::new());
        };
        let not_reserved = |error| SearchError::NotSent(Attempt::NotReserved(error));
        let database = self.store.database.read();
        let counting = symbol_search::count_since(database, name, self.now().before(MINUTE));
        let count = with_timeout(counting).await.map_err(not_reserved)?;
        if count >= u64::from(settings.per_minute) {
            return Err(SearchError::TooMany(settings.per_minute));
        }
        if let Some(limit) = budget.per_day {
            let midnight = budget.day.last_midnight(self.now());
            let counting = symbol_search::count_since(database, name, midnight);
            let count = with_timeout(counting).await.map_err(not_reserved)?;
            if count >= u64::from(reserved_requests(limit).div_ceil(2)) {
                return Err(SearchError::ReserveSpent);
            }
        }
        let reserving = self.reserve(name, budget, Purpose::Search, 1..=1, &[]);
        let request = reserving.await.map_err(SearchError::NotSent)?;
        // Recorded before the request, so that a restart keeps to the limits.
        let writer = self.store.database.write();
        let recording = symbol_search::begin(writer, name, query, self.now());
        let recorded = with_timeout(recording).await;
        let found = match recorded {
            Ok(id) => {
                let sending = search.search(query);
                let mut found = self
                    .send(name, budget, request, Endpoint::Search, sending)
                    .await
                    .map_err(SearchError::Failed)?;
                found.truncate(MAX_MATCHES);
                let storing = symbol_search::finish(writer, id, &found);
                if let Err(error) = with_timeout(storing).await {
                    tracing::debug!(
                        provider = name,
                        error = error.as_dyn(),
                        "failed to store the matches of a search"
                    );
                }
                found
            }
            Err(error) => return Err(not_reserved(error)),
        };
        tracing::debug!(provider = name, matches = found.len(), "symbols searched");
        Ok(found)
    }

    /// Deletes the searches that neither the cache nor a limit needs.
    pub(in crate::poller) async fn delete_old_searches(
        &self,
        settings: SearchSettings,
    ) -> Result<(), store::Error> {
        /// A day of a budget has at most 25 hours.
        const DAY: Duration = Duration::from_hours(26);
        let before = self.now().before(settings.cache.max(DAY));
        let writer = self.store.database.write();
        with_timeout(symbol_search::delete_before(writer, before)).await
    }
}
