//! Applies the result of a completed request to its provider, its symbols and its poll request.
//!
//! Every dispatched request is completed exactly once, whatever its outcome, so that no symbol
//! stays in flight.

use entity::{PollOutcome, Symbol, Timestamp};
use tokio::{task::JoinError, time::Instant};

use super::{
    super::context::{Attempt, DATABASE_RETRY_DELAY},
    LiveLoop, RefreshRequest,
    provider_health::MIN_REQUEST_INTERVAL,
};
use crate::{
    budget::{Purpose, ReserveOutcome},
    provider::PollError,
};

/// A poll or backfill request that has ended.
#[derive(Debug)]
pub(super) struct CompletedRequest {
    pub(super) provider: usize,
    /// The polled symbols; none for a backfill request.
    pub(super) symbols: Vec<Symbol>,
    pub(super) purpose: Purpose,
    pub(super) sent_at: Timestamp,
    pub(super) attempt: Attempt,
}

impl LiveLoop {
    pub(super) fn complete(&mut self, request: Result<CompletedRequest, JoinError>) {
        let Some(request) = join(request) else {
            return;
        };
        let provider = request.provider;
        self.providers[provider].in_flight -= 1;
        let scheduled = matches!(request.purpose, Purpose::Scheduled | Purpose::Retry);
        let was_sent = |symbol: &Symbol| match &request.attempt {
            Attempt::Completed { results, .. } => results.iter().any(|(it, _)| it == symbol),
            Attempt::NotStored => true,
            Attempt::BudgetExhausted(_) | Attempt::NotReserved(_) => false,
        };
        for symbol in &request.symbols {
            let sent = was_sent(symbol);
            if let Some(state) = self.symbols.get_mut(symbol) {
                state.record_ended(sent.then_some(request.sent_at));
                match (scheduled, sent) {
                    (true, true) => self.tracked.record_poll(symbol, request.sent_at),
                    (true, false) => state.record_not_sent(request.purpose == Purpose::Retry),
                    (false, _) => {}
                }
            }
        }
        match request.purpose {
            Purpose::Scheduled | Purpose::Retry => self.scheduled -= 1,
            Purpose::Requested => self.complete_refresh_request(&request),
            Purpose::Background { .. } => return self.complete_backfill(request),
            // Searches are not polls.
            Purpose::Search => {}
        }
        let health = &mut self.providers[provider];
        match request.attempt {
            Attempt::BudgetExhausted(ReserveOutcome::WindowExhausted(until)) => {
                health.exhaust_window(until);
            }
            Attempt::BudgetExhausted(ReserveOutcome::DayExhausted(until)) => {
                health.exhaust_day(until);
            }
            Attempt::BudgetExhausted(ReserveOutcome::OnlyReserveLeft(until)) => {
                health.exhaust_schedule(until);
            }
            Attempt::BudgetExhausted(ReserveOutcome::RetriesExhausted(until)) => {
                health.exhaust_retries(until);
            }
            Attempt::NotReserved(error) => {
                tracing::debug!(error = error.as_dyn(), "failed to reserve a poll");
                self.paused_until = Some(Instant::now() + DATABASE_RETRY_DELAY);
            }
            Attempt::Completed { results, day_left } => {
                if day_left == Some(0) {
                    health.exhaust_reserve();
                }
                let batch = results.len();
                for (symbol, error) in results {
                    self.complete_symbol(provider, &symbol, batch, error.as_ref());
                }
            }
            Attempt::BudgetExhausted(ReserveOutcome::Reserved(_)) | Attempt::NotStored => {}
        }
    }

    /// Applies the answer for a symbol in a request for `batch` symbols.
    fn complete_symbol(
        &mut self,
        provider: usize,
        symbol: &Symbol,
        batch: usize,
        error: Option<&PollError>,
    ) {
        let now = self.context.now();
        let planned = self.routing.pace(provider).intervals();
        let random = &self.context.random;
        let health = &mut self.providers[provider];
        let state = self.symbols.entry(symbol.clone()).or_default();
        let alone = state.fails_alone(provider, health.responses());
        match error {
            None => health.record_quote(),
            // It does not show whether the provider works.
            Some(PollError::NoPrice { .. }) if alone => {}
            Some(error) => health.record_error(error, planned, now, random),
        }
        match error {
            Some(PollError::BatchRejected) if batch > 1 => {
                state.record_rejected_batch(provider, batch);
            }
            Some(error) if !error.counts_as_answer() => {
                state.record_failure(provider, health.responses(), error, now, random);
            }
            answer => {
                state.record_answer(provider, answer.is_none());
                self.tracked.record_answer(symbol, answer.is_none(), now);
            }
        }
        let doubtful = matches!(
            error,
            Some(PollError::NotEntitled | PollError::UnknownSymbol)
        );
        if doubtful && self.includes_no_priced_symbol(provider, now) {
            self.providers[provider].record_refusal(&PollError::NotEntitled, now);
        }
    }

    /// Whether the plan of a provider includes none of the tracked symbols that have prices.
    fn includes_no_priced_symbol(&self, provider: usize, now: Timestamp) -> bool {
        let is_excluded = |symbol: &Symbol| {
            let state = self.symbols.get(symbol);
            state.is_some_and(|state| state.not_entitled_until(provider, now).is_some())
        };
        let health = &self.providers[provider];
        let mut served = self.tracked.stocks.iter();
        let mut excluded = 0;
        !health.is_refused()
            && served.all(|(symbol, stock)| {
                let is_excluded = is_excluded(symbol);
                excluded += usize::from(is_excluded);
                is_excluded || stock.unpriced_answers > 0 || !health.serves(symbol)
            })
            && excluded > 0
    }

    fn complete_refresh_request(&mut self, completed: &CompletedRequest) {
        let now = self.context.now();
        let budget = self.providers[completed.provider].budget;
        let is_polled = |refresh: &&mut RefreshRequest| {
            refresh.in_flight && completed.symbols.contains(&refresh.request.symbol)
        };
        let Some(refresh) = self.refresh_requests.iter_mut().find(is_polled) else {
            return;
        };
        refresh.in_flight = false;
        if let Attempt::BudgetExhausted(ReserveOutcome::WindowExhausted(until)) = completed.attempt
            && until.since(now) <= MIN_REQUEST_INTERVAL
        {
            // It is dispatched again then.
            return;
        }
        let (error, retry_at) = match &completed.attempt {
            Attempt::BudgetExhausted(
                ReserveOutcome::WindowExhausted(until)
                | ReserveOutcome::DayExhausted(until)
                | ReserveOutcome::OnlyReserveLeft(until),
            ) => (None, Some(*until)),
            Attempt::NotReserved(_) => {
                refresh.completion = Some(PollOutcome::DatabaseUnavailable.into());
                (None, None)
            }
            Attempt::Completed { results, .. } => {
                let error = results.first().and_then(|(_, error)| error.as_ref());
                refresh.record_result(error);
                let retry_at = match error {
                    Some(PollError::BudgetSpent) => Some(budget.day.next_midnight(now)),
                    Some(PollError::RateLimited { wait }) => Some(now.after(*wait)),
                    _ => None,
                };
                (error.cloned(), retry_at)
            }
            _ => (None, None),
        };
        refresh.mark_tried(completed.provider, error, retry_at);
    }
}

/// Returns the output of a task, or `None` if it was aborted.
///
/// # Panics
/// If the task panicked, which is a bug: the loop ends with the same panic.
pub(super) fn join<T>(ended: Result<T, JoinError>) -> Option<T> {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(output) => Some(output),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}
