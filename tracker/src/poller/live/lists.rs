//! Loads the symbol lists of providers: after the start, once a day, and when a list turns out to
//! be outdated.
//!
//! Polls of a symbol that only the list can decide about wait for the first attempt to load it.
//! If that fails, the symbol is polled without the list.

use std::{sync::Arc, time::Duration};

use entity::Timestamp;
use tokio::task::{JoinError, JoinSet};

use super::{LiveLoop, REFRESH_INTERVAL, completion::join, provider_health::Availability};
use crate::{
    budget::{Purpose, ReserveOutcome},
    metrics::Endpoint,
    poller::context::{Attempt, PollContext},
    provider::{PollError, QuoteProvider, RequestBudget, SymbolList},
};

/// How often a list is loaded.
const RELOAD_INTERVAL: Duration = Duration::from_hours(24);
/// Delay after a failed request, and minimum time between two requests for the same part. Each
/// further failure doubles it, up to [`MAX_RETRY_DELAY`].
const RETRY_DELAY: Duration = Duration::from_mins(1);
/// Maximum delay after failed requests.
const MAX_RETRY_DELAY: Duration = Duration::from_hours(1);

/// The state of the lists.
#[derive(Debug, Default)]
pub(super) struct SymbolLists {
    /// The parts of the list of each provider, in failover order; none without a list.
    parts: Vec<Vec<ListPart>>,
    pub(super) in_flight: JoinSet<CompletedList>,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, Default)]
struct ListPart {
    /// Whether a request for it was sent and has ended.
    attempted: bool,
    in_flight: bool,
    failures: u32,
    loaded_at: Option<Timestamp>,
    not_before: Option<Timestamp>,
}

/// A request for a part of a list that has ended.
#[derive(Debug)]
pub(super) struct CompletedList {
    provider: usize,
    part: usize,
    /// The response, or why the request was not sent.
    result: Result<Result<(), PollError>, Attempt>,
}

impl ListPart {
    /// When the part is to be loaded; `None` if that is now.
    fn due_at(self, is_loaded: bool) -> Option<Timestamp> {
        let reload_at = self.loaded_at.filter(|_| is_loaded);
        let reload_at = reload_at.map(|at| at.after(RELOAD_INTERVAL));
        reload_at.max(self.not_before)
    }

    fn record_result(&mut self, loaded: bool, now: Timestamp) {
        self.attempted = true;
        let delay = if loaded {
            (self.failures, self.loaded_at) = (0, Some(now));
            RETRY_DELAY
        } else {
            let delay = RETRY_DELAY.saturating_mul(2_u32.saturating_pow(self.failures));
            self.failures = self.failures.saturating_add(1);
            delay.min(MAX_RETRY_DELAY)
        };
        self.not_before = Some(now.after(delay));
    }
}

impl SymbolLists {
    pub(super) fn new<'a>(lists: impl Iterator<Item = Option<&'a dyn SymbolList>>) -> Self {
        let parts = lists.map(|list| {
            let parts = list.map_or(0, SymbolList::parts);
            vec![ListPart::default(); parts]
        });
        Self {
            parts: parts.collect(),
            in_flight: JoinSet::new(),
        }
    }

    /// When the list is requested again, if an error is that it is missing.
    pub(super) fn retry_at(&self, provider: usize, error: Option<&PollError>) -> Option<Timestamp> {
        let parts = self.parts[provider].iter();
        let retry_at = parts.filter_map(|part| part.not_before).max();
        retry_at.filter(|_| error == Some(&PollError::ListMissing))
    }

    /// Whether a part of a provider's list was not requested yet.
    pub(super) fn is_pending(&self, provider: usize) -> bool {
        self.parts[provider].iter().any(|part| !part.attempted)
    }
}

impl LiveLoop {
    /// Dispatches the requests for lists that are due, one at a time for each provider. Returns
    /// when to try again, if nothing happens before.
    pub(super) fn dispatch_lists(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        for provider in 0..self.providers.len() {
            let parts = &self.lists.parts[provider];
            let health = &mut self.providers[provider];
            let Some(list) = health.provider.list() else {
                continue;
            };
            if parts.iter().any(|part| part.in_flight) {
                continue;
            }
            let due = parts.iter().enumerate().map(|(index, part)| {
                let at = part.due_at(list.is_loaded(index));
                (at.filter(|at| *at > now), index)
            });
            let Some((at, part)) = due.min() else {
                continue;
            };
            let at = at.or_else(|| match health.availability(now) {
                Availability::Ready => None,
                Availability::RetryAt(until) => Some(until),
                Availability::Skip(until) => Some(until.unwrap_or(now.after(REFRESH_INTERVAL))),
            });
            if let Some(at) = at {
                next = Some(next.map_or(at, |next| next.min(at)));
                continue;
            }
            health.record_sent(now);
            self.lists.parts[provider][part].in_flight = true;
            let (quotes, budget) = (Arc::clone(&health.provider), health.budget);
            let context = Arc::clone(&self.context);
            self.lists.in_flight.spawn(async move {
                let result = context.load_list(quotes.as_ref(), budget, part).await;
                CompletedList {
                    provider,
                    part,
                    result,
                }
            });
        }
        next
    }

    /// Completes a request for a list.
    pub(super) fn complete_list(&mut self, completed: Result<CompletedList, JoinError>) {
        let Some(CompletedList {
            provider,
            part,
            result,
        }) = join(completed)
        else {
            return;
        };
        let now = self.context.now();
        let planned = self.routing.pace(provider).intervals();
        let health = &mut self.providers[provider];
        health.in_flight -= 1;
        let part = &mut self.lists.parts[provider][part];
        part.in_flight = false;
        match result {
            Ok(loaded) => {
                part.record_result(loaded.is_ok(), now);
                match loaded {
                    Err(error) if error.is_provider_wide() => {
                        health.record_error(&error, planned, now, &self.context.random);
                    }
                    _ => {}
                }
            }
            Err(Attempt::BudgetExhausted(ReserveOutcome::WindowExhausted(until))) => {
                health.exhaust_window(until);
            }
            Err(Attempt::BudgetExhausted(ReserveOutcome::DayExhausted(until))) => {
                health.exhaust_day(until);
            }
            // Polls may use the budget that is left, so they do not wait for the list.
            Err(Attempt::BudgetExhausted(_)) => part.record_result(false, now),
            Err(_) => part.not_before = Some(now.after(REFRESH_INTERVAL)),
        }
    }
}

impl PollContext {
    /// Requests a part of the list of a provider.
    async fn load_list(
        &self,
        provider: &dyn QuoteProvider,
        budget: RequestBudget,
        part: usize,
    ) -> Result<Result<(), PollError>, Attempt> {
        let name = provider.name();
        let Some(list) = provider.list() else {
            return Err(Attempt::NotStored);
        };
        let purpose = Purpose::Background { keep: 0 };
        let request = self.reserve(name, budget, purpose, 1..=1, &[]).await?;
        let loading = list.load(part);
        let loaded = self
            .send(name, budget, request, Endpoint::Symbols, loading)
            .await;
        match &loaded {
            Ok(()) => tracing::info!(provider = name, part, "list of symbols loaded"),
            Err(error) => {
                tracing::warn!(provider = name, part, %error, "failed to load the list of symbols");
            }
        }
        Ok(loaded)
    }
}
