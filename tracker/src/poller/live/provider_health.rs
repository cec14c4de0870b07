//! The circuit breaker of a live provider, and its rate limits, refusals and exhausted budgets.
//!
//! Decides whether a request may be sent now, from the results of earlier requests.
//! [Dispatch](super::dispatch) fails over to the next provider that is available.

mod status;

use std::{sync::Arc, time::Duration};

use entity::{Symbol, Timestamp};
use runtime::random::Random;

use crate::{
    provider::{Pacing, PollError, QuoteProvider, RequestBudget},
    schedule::{Backoff, MAX_RETRIES, PollPlan, RETRY_REFUSED_AFTER},
};

/// The number of consecutive failures that opens the breaker. While it is open, one request at a
/// time is sent.
const BREAKER_THRESHOLD: u32 = 3;
/// A symbol waits for a provider at most this long; otherwise the next provider is used.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// Minimum time between two requests, unless the plan allows more: free plans reject bursts.
pub(super) const MIN_REQUEST_INTERVAL: Duration = Duration::from_millis(1_100);
/// Maximum wait that a provider can request.
const MAX_RATE_LIMIT: Duration = Duration::from_hours(1);
/// A provider that has never sent a quote is considered refused after this many consecutive
/// answers that its plan does not include a symbol. This keeps a long list of symbols from using
/// up a small budget.
const NOT_ENTITLED_THRESHOLD: u32 = 10;

/// Whether a request may be sent to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// It may be sent now.
    Ready,
    /// It may be sent at this time. The symbol waits for this provider.
    RetryAt(Timestamp),
    /// Not soon; the next provider is used. Contains the time at which it may be sent, if known.
    Skip(Option<Timestamp>),
}

/// A live provider and its state.
pub(super) struct ProviderHealth {
    pub(super) provider: Arc<dyn QuoteProvider>,
    pub(super) budget: RequestBudget,
    /// Its place in the failover order.
    pub(super) rank: i32,
    /// The number of requests in flight.
    pub(super) in_flight: usize,
    /// The pace that was last logged, while this provider was the active one.
    pub(super) logged_pace: Option<PollPlan>,
    /// The note that was last logged.
    pub(super) logged_note: Option<String>,
    refusal: Option<ProviderRefusal>,
    /// The number of consecutive answers that the plan does not include a symbol. `None` once the
    /// provider has sent a quote.
    not_entitled: Option<u32>,
    exhausted: Option<ExhaustedDay>,
    rate_limited_until: Option<Timestamp>,
    not_before: Option<Timestamp>,
    responses: u64,
    retries_exhausted_until: Option<Timestamp>,
    /// The number of consecutive failures.
    failures: u32,
    /// The last of them.
    last_error: String,
    breaker: Backoff,
    /// Requests that failed while the breaker was open.
    probes: WindowCounter,
    /// Retries since the last response.
    retries: WindowCounter,
}

/// Counts events in a window that begins with the first of them.
#[derive(Clone, Copy, Debug, Default)]
struct WindowCounter(Option<(Timestamp, u32)>);

impl WindowCounter {
    fn count(self, window: Duration, now: Timestamp) -> u32 {
        let current = self.0.filter(|(since, _)| now.since(*since) < window);
        current.map_or(0, |(_, count)| count)
    }

    fn add(&mut self, window: Duration, now: Timestamp) {
        let count = self.count(window, now);
        let since = self.0.filter(|_| count > 0).map_or(now, |(since, _)| since);
        self.0 = Some((since, count + 1));
    }
}

/// The refusal of all requests. It is in force until a response proves otherwise.
#[derive(Debug)]
struct ProviderRefusal {
    error: PollError,
    /// No request is sent before. Then one request at a time probes the provider.
    until: Timestamp,
}

/// A day without requests left for the schedule.
#[derive(Clone, Copy, Debug)]
struct ExhaustedDay {
    until: Timestamp,
    /// Whether the reserve for requests of clients is left.
    reserve_left: bool,
}

impl ProviderHealth {
    pub(super) fn new(rank: i32, provider: Arc<dyn QuoteProvider>) -> Self {
        let budget = match provider.pacing() {
            Pacing::Polled { budget, .. } => budget,
            Pacing::SelfPaced { .. } => RequestBudget::UNLIMITED,
        };
        Self {
            provider,
            budget,
            rank,
            in_flight: 0,
            logged_pace: None,
            logged_note: None,
            refusal: None,
            not_entitled: Some(0),
            exhausted: None,
            rate_limited_until: None,
            not_before: None,
            responses: 0,
            retries_exhausted_until: None,
            failures: 0,
            last_error: String::new(),
            breaker: Backoff::default(),
            probes: WindowCounter::default(),
            retries: WindowCounter::default(),
        }
    }

    /// Whether the provider has quotes of a symbol, or may have them.
    pub(super) fn serves(&self, symbol: &Symbol) -> bool {
        self.provider.serves(symbol)
    }

    /// Whether all parts of the provider's list are loaded.
    pub(super) fn has_whole_list(&self) -> bool {
        let list = self.provider.list();
        list.is_some_and(|list| (0..list.parts()).all(|part| list.is_loaded(part)))
    }

    /// Maximum symbols in a request now, at least 1.
    pub(super) fn max_symbols(&self) -> usize {
        let allowed = self.provider.pacing().symbols_per_request();
        self.budget.max_symbols(allowed)
    }

    /// Whether a scheduled or background request may be sent.
    pub(super) fn availability(&self, now: Timestamp) -> Availability {
        let future = |until: Option<Timestamp>| until.filter(|until| *until > now);
        let refused_until = future(self.refusal.as_ref().map(|refusal| refusal.until));
        if refused_until.is_some() {
            return Availability::Skip(refused_until);
        }
        let exhausted_until = future(self.exhausted.map(|exhausted| exhausted.until));
        if let Some(until) = exhausted_until.or_else(|| self.breaker.retry_at(now)) {
            return Availability::Skip(Some(until));
        }
        if (self.is_breaker_open() || self.is_refused()) && self.in_flight > 0 {
            // One request probes the provider. The others do not wait for it.
            return Availability::Skip(Some(now.after(MAX_WAIT)));
        }
        let untested = self.budget.per_day.is_some() && self.responses == 0;
        if (untested || self.has_failed()) && self.in_flight > 0 {
            // Do not spend the daily budget on several requests that may all fail.
            return Availability::RetryAt(now.after(MIN_REQUEST_INTERVAL));
        }
        match future(self.rate_limited_until.max(self.not_before)) {
            Some(until) if until.since(now) > MAX_WAIT => Availability::Skip(Some(until)),
            Some(until) => Availability::RetryAt(until),
            None => Availability::Ready,
        }
    }

    /// Whether a request that a client waits for may be sent. It may use the reserve of the budget,
    /// and the breaker does not stop it.
    pub(super) fn availability_on_request(&self, now: Timestamp) -> Availability {
        let refusal = self.refusal.as_ref();
        let refused = refusal.is_some_and(|refusal| refusal.until > now || self.in_flight > 0);
        match (refused, self.not_before.filter(|until| *until > now)) {
            (true, _) => Availability::Skip(None),
            (false, Some(until)) if until.since(now) <= MIN_REQUEST_INTERVAL => {
                Availability::RetryAt(until)
            }
            (false, _) => match self.rate_limited_until.filter(|until| *until > now) {
                Some(until) => Availability::Skip(Some(until)),
                None => Availability::Ready,
            },
        }
    }

    /// Records that a request is sent.
    pub(super) fn record_sent(&mut self, now: Timestamp) {
        self.in_flight += 1;
        let of_minute = self
            .budget
            .per_minute
            .map(|limit| MIN_REQUEST_INTERVAL.min(Duration::from_mins(1) / limit.max(1)));
        let of_second = self
            .budget
            .per_second
            .map(|limit| MIN_REQUEST_INTERVAL / limit.max(1));
        let interval = of_second.or(of_minute);
        self.not_before = interval
            .map(|interval| now.after(interval))
            .max(self.not_before);
    }

    /// Records a quote, or an answer without a new one.
    pub(super) fn record_quote(&mut self) {
        self.refusal = None;
        self.not_entitled = None;
        self.record_response();
    }

    /// Records a response, with or without a quote. It closes the breaker.
    fn record_response(&mut self) {
        self.responses += 1;
        self.failures = 0;
        self.breaker.record_success();
        self.probes = WindowCounter::default();
        self.retries = WindowCounter::default();
        // A response proves that the key is accepted, but not what the plan includes.
        self.refusal
            .take_if(|refusal| refusal.error != PollError::NotEntitled);
    }

    /// Records that the provider refuses all requests.
    pub(super) fn record_refusal(&mut self, error: &PollError, now: Timestamp) {
        self.refusal = Some(ProviderRefusal {
            error: error.clone(),
            until: now.after(RETRY_REFUSED_AFTER),
        });
        self.not_entitled = Some(0);
    }

    /// Whether the provider refused the last request, as it would any other.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// Why the provider refused the last request, and when it is tried again.
    pub(super) fn refusal(&self) -> Option<(&PollError, Timestamp)> {
        let refusal = self.refusal.as_ref()?;
        Some((&refusal.error, refusal.until))
    }

    /// Records that the requests of this second or minute are used up.
    pub(super) fn exhaust_window(&mut self, until: Timestamp) {
        // The request was not sent, so no other waits for it.
        self.not_before = Some(until);
    }

    /// Records that the requests of the day are used up.
    pub(super) fn exhaust_day(&mut self, until: Timestamp) {
        self.exhausted = Some(ExhaustedDay {
            until,
            reserve_left: false,
        });
    }

    /// Records that only the reserve of the day is left, for requests of clients.
    pub(super) fn exhaust_schedule(&mut self, until: Timestamp) {
        self.exhausted = Some(ExhaustedDay {
            until,
            reserve_left: true,
        });
    }

    /// Records that the reserve of the day is used up too.
    pub(super) fn exhaust_reserve(&mut self) {
        if let Some(exhausted) = &mut self.exhausted {
            exhausted.reserve_left = false;
        }
    }

    /// Records that the retries of the day are used up.
    pub(super) fn exhaust_retries(&mut self, until: Timestamp) {
        self.retries_exhausted_until = Some(until);
    }

    /// Records that a failed poll is retried.
    pub(super) fn record_retry(&mut self, interval: Duration, now: Timestamp) {
        self.retries.add(interval, now);
    }

    /// Whether a failed poll may be retried before its next scheduled time. Until the provider
    /// responds, all symbols share [`MAX_RETRIES`] per interval.
    pub(super) fn may_retry(&self, interval: Duration, now: Timestamp) -> bool {
        let exhausted = self
            .retries_exhausted_until
            .is_some_and(|until| until > now);
        !exhausted && self.retries.count(interval, now) < MAX_RETRIES
    }

    /// The number of responses since the start, of any kind.
    pub(super) fn responses(&self) -> u64 {
        self.responses
    }

    /// Whether the last request failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Records an error for a symbol, as far as it concerns the provider. `planned` is the planned
    /// time between two polls of a symbol, and between two requests to this provider.
    pub(super) fn record_error(
        &mut self,
        error: &PollError,
        planned: (Duration, Duration),
        now: Timestamp,
        random: &Random,
    ) {
        match error {
            PollError::NoQuote => self.record_quote(),
            PollError::UnknownSymbol
            | PollError::ListMissing
            | PollError::NoPrice { .. }
            | PollError::BatchRejected => self.record_response(),
            PollError::NotEntitled => {
                self.record_response();
                self.not_entitled = self.not_entitled.map(|times| times.saturating_add(1));
                let all_refused = self
                    .not_entitled
                    .is_some_and(|times| times >= NOT_ENTITLED_THRESHOLD);
                if self.is_refused() || all_refused {
                    self.record_refusal(error, now);
                }
            }
            PollError::BudgetSpent => self.exhaust_day(self.budget.day.next_midnight(now)),
            PollError::Refused { .. } => self.record_refusal(error, now),
            PollError::RateLimited { .. }
            | PollError::Malformed { .. }
            | PollError::Timeout
            | PollError::Upstream { .. } => {
                if let Some(wait) = error.retry_after() {
                    self.rate_limited_until = Some(now.after(wait.min(MAX_RATE_LIMIT)));
                }
                self.last_error = error.to_string();
                self.failures = self.failures.saturating_add(1);
                if self.is_breaker_open() {
                    self.extend_breaker(planned, now, random);
                }
            }
        }
    }

    /// Sets when the next probe may be sent: [`MAX_RETRIES`] probes per interval with growing
    /// delays, then one per planned request, for any symbol.
    fn extend_breaker(
        &mut self,
        (interval, pace): (Duration, Duration),
        now: Timestamp,
        random: &Random,
    ) {
        self.probes.add(interval, now);
        self.breaker.record_failure(now, None, random);
        if self.probes.count(interval, now) > MAX_RETRIES {
            self.breaker.delay_until(now.after(pace));
        }
    }

    fn is_breaker_open(&self) -> bool {
        self.failures >= BREAKER_THRESHOLD
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use entity::ProviderState;

    use super::*;
    use crate::provider::Poll;

    /// A provider that allows a request a second.
    struct OneASecond;

    #[async_trait]
    impl QuoteProvider for OneASecond {
        fn name(&self) -> &'static str {
            "test"
        }

        fn pacing(&self) -> Pacing {
            Pacing::Polled {
                symbols_per_request: 1,
                budget: RequestBudget {
                    per_second: Some(1),
                    ..RequestBudget::UNLIMITED
                },
            }
        }

        fn knows(&self, _symbol: &Symbol) -> Option<bool> {
            None
        }

        async fn poll(&self, symbols: &[Symbol]) -> Poll {
            Poll::failed(symbols, &PollError::NoQuote)
        }
    }

    #[test]
    fn a_fallback_that_failed_stands_by_once_it_may_be_tried_again() {
        let mut health = ProviderHealth::new(1, Arc::new(OneASecond));
        let (begun, random) = (Timestamp::from_micros(0), Random::seeded(1));
        let interval = Duration::from_mins(5);
        for _ in 0..BREAKER_THRESHOLD {
            health.record_error(&PollError::Timeout, (interval, interval), begun, &random);
        }
        let plan = PollPlan {
            interval,
            limit: None,
        };
        let state = |active, now| health.status(active, plan, now).0;
        assert_eq!(state(false, begun), ProviderState::Failing);
        let later = begun.after(Duration::from_hours(1));
        assert_eq!(health.availability(later), Availability::Ready);
        assert_eq!(state(false, later), ProviderState::Standby);
        // The one in use is tried, and still fails.
        assert_eq!(state(true, later), ProviderState::Failing);
    }

    #[test]
    fn a_provider_that_allows_a_request_a_second_is_used_every_second() {
        let mut health = ProviderHealth::new(0, Arc::new(OneASecond));
        let begun = Timestamp::from_micros(0);
        health.record_sent(begun);
        let next = begun.after(MIN_REQUEST_INTERVAL);
        assert_eq!(health.availability(begun), Availability::RetryAt(next));
        assert_eq!(health.availability(next), Availability::Ready);
        // The first request took 20 ms, from whose end the budget counts it, so the next one is
        // refused until then. It does not count as a request.
        health.record_sent(next);
        let allowed = next.after(Duration::from_millis(20));
        health.exhaust_window(allowed);
        assert_eq!(health.availability(next), Availability::RetryAt(allowed));
        assert_eq!(health.availability(allowed), Availability::Ready);
    }
}
