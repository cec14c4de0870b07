//! The polling state of a symbol: its retries, backoff, and the providers that do not include it.
//!
//! Errors that concern only this symbol delay no other symbol. Errors that concern a whole provider
//! are in [`provider_health`](super::provider_health). Providers are identified by their index.

use std::time::Duration;

use entity::Timestamp;
use runtime::random::Random;

use crate::{
    provider::PollError,
    schedule::{Backoff, MAX_RETRIES, RETRY_REFUSED_AFTER},
};

/// The state of one symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct SymbolState {
    /// Whether a poll is in flight.
    pub(super) in_flight: bool,
    /// When the last poll that has ended was sent.
    pub(super) sent_at: Option<Timestamp>,
    /// The scheduled poll that is not answered yet.
    round: Option<Round>,
    backoff: Backoff,
    /// The providers whose plans do not include it, and when to try them again.
    not_entitled: Vec<(usize, Timestamp)>,
    /// The provider that failed last, and the number of its responses by then.
    last_failure: Option<(usize, u64)>,
    /// The provider that rejected a request with this symbol and others, and the maximum symbols in
    /// the next request with it.
    max_batch: Option<(usize, usize)>,
    /// The provider whose list was missing at the last poll. The symbol is due once it is loaded.
    pub(super) awaits_list: Option<usize>,
}

/// A scheduled poll with its failovers and retries.
#[derive(Clone, Debug, Default)]
struct Round {
    /// The providers that were polled.
    tried: Vec<usize>,
    retries: u32,
}

impl SymbolState {
    /// Records that a scheduled poll is sent. `planned` begins a new round.
    pub(super) fn record_sent(&mut self, provider: usize, planned: bool, retry: bool) {
        if planned {
            self.round = None;
        }
        let round = self.round.get_or_insert_default();
        round.tried.push(provider);
        round.retries += u32::from(retry);
    }

    /// Records that a poll has ended that was sent at this time, or that was not sent.
    pub(super) fn record_ended(&mut self, sent_at: Option<Timestamp>) {
        self.in_flight = false;
        self.sent_at = sent_at.or(self.sent_at);
    }

    /// Returns when the symbol of a stream that has no seed is due, which is polled every
    /// `interval`: now, if no poll was sent.
    pub(super) fn seed_due_at(&self, interval: Duration, now: Timestamp) -> Timestamp {
        self.sent_at.map_or(now, |sent_at| sent_at.after(interval))
    }

    /// Reverts [`record_sent`](Self::record_sent) for a poll that could not be sent.
    pub(super) fn record_not_sent(&mut self, retry: bool) {
        if let Some(round) = &mut self.round {
            round.tried.pop();
            round.retries -= u32::from(retry);
            self.round.take_if(|round| round.tried.is_empty());
        }
    }

    /// Records that a request for this number of symbols was rejected because of one of them. The
    /// symbol is polled again at once, in a request of half the size, as if it had not been polled.
    /// So the symbol that is the cause is soon polled alone.
    pub(super) fn record_rejected_batch(&mut self, provider: usize, symbols: usize) {
        self.max_batch = Some((provider, (symbols / 2).max(1)));
        if let Some(round) = &mut self.round {
            round.tried.retain(|it| *it != provider);
        }
    }

    /// Maximum symbols in a request to a provider that contains this one.
    pub(super) fn max_batch(&self, provider: usize) -> usize {
        match self.max_batch {
            Some((rejecting, symbols)) if rejecting == provider => symbols,
            _ => usize::MAX,
        }
    }

    /// Continues the round of a poll that an earlier process sent and that was not answered. One
    /// retry is left.
    pub(super) fn adopt_unanswered(&mut self, providers: usize) {
        self.round.get_or_insert_with(|| Round {
            tried: (0..providers).collect(),
            retries: MAX_RETRIES - 1,
        });
    }

    /// Whether a provider was polled in this round.
    pub(super) fn has_tried(&self, provider: usize) -> bool {
        let round = self.round.as_ref();
        round.is_some_and(|round| round.tried.contains(&provider))
    }

    /// Returns when to retry, or `None` if this round has no retry left.
    pub(super) fn retry_at(&self, now: Timestamp) -> Option<Timestamp> {
        let round = self.round.as_ref()?;
        (round.retries < MAX_RETRIES).then(|| self.backoff.retry_at(now).unwrap_or(now))
    }

    /// Returns until when a provider is not polled, because its plan does not include this symbol.
    pub(super) fn not_entitled_until(&self, provider: usize, now: Timestamp) -> Option<Timestamp> {
        self.not_entitled
            .iter()
            .find_map(|(it, until)| (*it == provider && *until > now).then_some(*until))
    }

    /// Whether a provider failed last for this symbol, but has since answered for others.
    /// `responses` is its current number of responses.
    pub(super) fn fails_alone(&self, provider: usize, responses: u64) -> bool {
        self.last_failure
            .is_some_and(|(failed, before)| failed == provider && before < responses)
    }

    /// Records an answer, with or without a price.
    pub(super) fn record_answer(&mut self, provider: usize, priced: bool) {
        if priced {
            self.not_entitled.retain(|(it, _)| *it != provider);
            self.last_failure = None;
            self.max_batch = None;
        }
        self.backoff.record_success();
        self.round = None;
        self.awaits_list = None;
    }

    /// Records a failed poll of a provider with this number of responses.
    pub(super) fn record_failure(
        &mut self,
        provider: usize,
        responses: u64,
        error: &PollError,
        now: Timestamp,
        random: &Random,
    ) {
        if *error == PollError::NotEntitled {
            self.not_entitled.retain(|(it, _)| *it != provider);
            self.not_entitled
                .push((provider, now.after(RETRY_REFUSED_AFTER)));
        }
        if matches!(error, PollError::NotEntitled | PollError::ListMissing)
            && let Some(round) = &mut self.round
        {
            round.retries = MAX_RETRIES;
        }
        self.awaits_list = (*error == PollError::ListMissing).then_some(provider);
        if error.is_transient() {
            self.last_failure = Some((provider, responses));
            self.backoff
                .record_failure(now, error.retry_after(), random);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(5);

    #[test]
    fn a_seed_that_the_budget_refused_is_due_at_once_and_one_that_was_sent_after_an_interval() {
        let sent_at = Timestamp::from_micros(0);
        let now = sent_at.after(Duration::from_secs(1));
        let mut state = SymbolState {
            in_flight: true,
            ..SymbolState::default()
        };
        state.record_sent(0, true, false);
        state.record_ended(None);
        state.record_not_sent(false);
        assert!(!state.in_flight);
        assert_eq!(state.seed_due_at(INTERVAL, now), now);
        state.record_sent(0, true, false);
        state.record_ended(Some(sent_at));
        assert_eq!(state.seed_due_at(INTERVAL, now), sent_at.after(INTERVAL));
        // Another poll that is not sent changes nothing.
        state.record_ended(None);
        assert_eq!(state.seed_due_at(INTERVAL, now), sent_at.after(INTERVAL));
    }

    #[test]
    fn a_symbol_that_was_polled_without_the_list_awaits_it_and_is_not_retried_before() {
        let (now, random) = (Timestamp::from_micros(0), Random::seeded(1));
        let mut state = SymbolState::default();
        let fail = |state: &mut SymbolState, error: &PollError| {
            state.record_sent(0, true, false);
            state.record_failure(0, 1, error, now, &random);
        };
        fail(&mut state, &PollError::ListMissing);
        assert_eq!((state.awaits_list, state.retry_at(now)), (Some(0), None));
        // Other failures and answers do not depend on the list.
        fail(&mut state, &PollError::Timeout);
        assert_eq!(state.awaits_list, None);
        fail(&mut state, &PollError::ListMissing);
        state.record_answer(0, true);
        assert_eq!(state.awaits_list, None);
    }

    #[test]
    fn a_rejected_request_is_halved_for_its_provider_until_there_is_a_price() {
        let mut state = SymbolState::default();
        assert_eq!(state.max_batch(0), usize::MAX);
        let mut size = 100;
        for half in [50, 25, 12, 6, 3, 1, 1] {
            state.record_sent(0, false, false);
            state.record_rejected_batch(0, size);
            size = state.max_batch(0);
            assert_eq!(size, half);
            assert!(!state.has_tried(0), "it is polled again as if it was not");
        }
        assert_eq!(state.max_batch(1), usize::MAX);
        state.record_answer(0, false);
        assert_eq!(state.max_batch(0), 1);
        state.record_answer(0, true);
        assert_eq!(state.max_batch(0), usize::MAX);
    }
}
