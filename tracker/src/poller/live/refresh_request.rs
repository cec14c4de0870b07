//! A poll request of a client, which is sent to the providers in failover order.
//!
//! Each provider is tried at most once. The first answer for the symbol completes the request. If
//! no provider can be polled, the response contains the earliest time for another attempt.

use entity::{PollOutcome, Timestamp};
use store::poll_request::{Completion, PendingRequest, RESPONSE_TIMEOUT};
use tokio::time::Instant;

use crate::provider::PollError;

/// Why a provider returned no price.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) provider: &'static str,
    /// The error, if it was polled or refuses requests.
    pub(super) error: Option<PollError>,
    /// When another request may succeed, if known.
    pub(super) retry_at: Option<Timestamp>,
}

/// A poll request and its progress.
#[derive(Debug)]
pub(super) struct RefreshRequest {
    pub(super) request: PendingRequest,
    /// Whether a poll for it is in flight.
    pub(super) in_flight: bool,
    /// The response, once it is known, until it is written.
    pub(super) completion: Option<Completion>,
    /// The providers that were polled or skipped, each with its error if it was polled.
    tried: Vec<(usize, Option<PollError>)>,
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
        self.tried.iter().any(|(it, _)| *it == provider)
    }

    /// The providers that were polled or skipped, each with its error if it was polled.
    pub(super) fn tried(&self) -> &[(usize, Option<PollError>)] {
        &self.tried
    }

    /// Marks a provider as polled, with its error, or as skipped. `retry_at` is when it is
    /// available again, if known.
    pub(super) fn mark_tried(
        &mut self,
        provider: usize,
        error: Option<PollError>,
        retry_at: Option<Timestamp>,
    ) {
        self.tried.push((provider, error));
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
    /// available again, else `Failed` because of `failures`.
    pub(super) fn give_up(&mut self, failures: &[Failure]) {
        self.completion = Some(if self.retry_at.is_some() {
            Completion {
                retry_at: self.retry_at,
                ..PollOutcome::RateLimited.into()
            }
        } else {
            let reasons: Vec<String> = failures.iter().filter_map(Failure::reason).collect();
            let is_known = failures.iter().all(|failure| failure.retry_at.is_some());
            let retry_at = failures.iter().filter_map(|failure| failure.retry_at).min();
            Completion {
                outcome: PollOutcome::Failed,
                retry_at: retry_at.filter(|_| is_known),
                reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            }
        });
    }
}

impl Failure {
    /// Why there is no price, for clients.
    fn reason(&self) -> Option<String> {
        let provider = self.provider;
        Some(match self.error.as_ref()? {
            PollError::Refused { .. } => format!("the provider {provider} refused the key"),
            PollError::NotEntitled => format!("the plan of {provider} does not include the symbol"),
            PollError::ListMissing => format!("the list of symbols of {provider} is not loaded"),
            error => format!("{provider}: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(failures: &[(&'static str, Option<PollError>, Option<i64>)]) -> Completion {
        let request = PendingRequest {
            ids: vec![1],
            symbol: "AAPL".parse().expect("a symbol"),
            track: false,
            name: None,
        };
        let failures: Vec<Failure> = failures
            .iter()
            .map(|(provider, error, retry_at)| Failure {
                provider,
                error: error.clone(),
                retry_at: retry_at.map(Timestamp::from_micros),
            })
            .collect();
        let mut refresh = RefreshRequest::new(request);
        refresh.give_up(&failures);
        refresh.completion.expect("a completion")
    }

    #[tokio::test]
    async fn each_provider_is_named_with_the_reason_why_it_returned_no_price() {
        let refused = PollError::refused("HTTP 401");
        let all = failed(&[
            ("finnhub", Some(refused), Some(7)),
            ("kraken", Some(PollError::ListMissing), Some(5)),
            ("twelvedata", Some(PollError::NotEntitled), Some(9)),
        ]);
        assert_eq!(all.outcome, PollOutcome::Failed);
        let reason = "the provider finnhub refused the key; \
                      the list of symbols of kraken is not loaded; \
                      the plan of twelvedata does not include the symbol";
        assert_eq!(all.reason.as_deref(), Some(reason));
        assert_eq!(all.retry_at, Some(Timestamp::from_micros(5)));
        // A retry after a timeout may succeed at any time.
        let some = failed(&[
            ("alpaca", Some(PollError::Timeout), None),
            ("kraken", Some(PollError::ListMissing), Some(5)),
        ]);
        let reason = "alpaca: request timed out; the list of symbols of kraken is not loaded";
        assert_eq!(
            (some.reason.as_deref(), some.retry_at),
            (Some(reason), None)
        );
        assert_eq!(failed(&[("finnhub", None, None)]).reason, None);
    }
}
