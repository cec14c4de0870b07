//! A poll request of a client, which is sent to the providers in failover order.
//!
//! Each provider is tried at most once. The first answer for the symbol completes the request. If
//! no provider can be polled, the response contains the earliest time for another attempt.

use entity::{PollOutcome, Timestamp};
use store::poll_request::{Completion, PendingRequest, RESPONSE_TIMEOUT};
use tokio::time::Instant;

use crate::provider::PollError;

/// A poll request and its progress.
#[derive(Debug)]
pub(super) struct RefreshRequest {
    pub(super) request: PendingRequest,
    /// Whether a poll for it is in flight.
    pub(super) in_flight: bool,
    /// The response, once it is known, until it is written.
    pub(super) completion: Option<Completion>,
    /// The providers that were polled or skipped.
    tried: Vec<usize>,
    /// The earliest time at which a provider that was skipped is available again.
    retry_at: Option<Timestamp>,
    expires: Instant,
}

impl RefreshRequest {
    pub(super) fn new(request: PendingRequest) -> Self {
        Self {
            request,
            in_flight: false,
            completion: None,
            tried: Vec::new(),
            retry_at: None,
            expires: Instant::now() + RESPONSE_TIMEOUT,
        }
    }

    /// Whether its sender has stopped waiting for it.
    pub(super) fn is_expired(&self) -> bool {
        !self.in_flight && Instant::now() >= self.expires
    }

    pub(super) fn has_tried(&self, provider: usize) -> bool {
        self.tried.contains(&provider)
    }

    /// Marks a provider as polled or skipped. `retry_at` is when it is available again, if known.
    pub(super) fn mark_tried(&mut self, provider: usize, retry_at: Option<Timestamp>) {
        self.tried.push(provider);
        self.retry_at = [self.retry_at, retry_at].into_iter().flatten().min();
    }

    /// Records the result of a poll. The request is completed if the result concerns the symbol.
    pub(super) fn record_result(&mut self, error: Option<&PollError>) {
        self.completion = match error {
            None | Some(PollError::NoQuote) => Some(PollOutcome::Answered.into()),
            Some(PollError::UnknownSymbol) => Some(PollOutcome::UnknownSymbol.into()),
            Some(_) => None,
        };
    }

    /// Completes the request for a symbol that no provider serves.
    pub(super) fn reject_unknown(&mut self) {
        self.completion = Some(PollOutcome::UnknownSymbol.into());
    }

    /// Completes the request after all providers were tried: `RateLimited` if one of them will be
    /// available again, else `Failed`. `refusals` are those that refused the key, and when each of
    /// them is tried again.
    pub(super) fn give_up(&mut self, refusals: Vec<(&'static str, Timestamp)>) {
        self.completion = Some(if self.retry_at.is_some() {
            Completion {
                retry_at: self.retry_at,
                ..PollOutcome::RateLimited.into()
            }
        } else {
            let all_refused = refusals.len() == self.tried.len();
            let retry_at = refusals.iter().map(|(_, until)| *until).min();
            Completion {
                outcome: PollOutcome::Failed,
                retry_at: retry_at.filter(|_| all_refused),
                refused_by: refusals.into_iter().map(|(name, _)| name).collect(),
            }
        });
    }
}
