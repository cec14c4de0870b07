//! Why a poll returned no quote of a symbol, classified by what to do next: back off, wait for a
//! rate limit, fail over.
//!
//! No error contains a URL, a key or long text of the provider, so each may be logged, stored and
//! sent to clients.

use std::{borrow::Cow, time::Duration};

use crate::{metrics::CallOutcome, schedule::HumanDuration};

/// Why a provider returned no quote of a symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// The provider does not know the symbol. No other provider is polled for it.
    #[error("unknown symbol")]
    UnknownSymbol,
    /// The provider knows the symbol but has no quote now, as on a replayed day without a bar.
    #[error("no quote at the moment")]
    NoQuote,
    /// The request was rejected as a whole, because of one of its symbols or because it has
    /// several. Poll its symbols again now, in smaller requests.
    #[error("the request was rejected as a whole")]
    BatchRejected,
    /// The name of the symbol in requests is only in the provider's list, which is not loaded. Fail
    /// over, or poll it again once the list is loaded, at the latest after an interval.
    #[error("the provider's list of symbols is not loaded")]
    ListMissing,
    /// The answer has no price that can be stored. Other symbols are not affected.
    #[error("no usable price: {reason}")]
    NoPrice {
        /// Why the price cannot be stored.
        reason: Cow<'static, str>,
    },
    /// Too many requests. Retry after `wait`, at most an hour.
    #[error("rate limited: retry after {}", HumanDuration(*.wait))]
    RateLimited {
        /// How long to send no request.
        wait: Duration,
    },
    /// The daily quota is used up. Send no request until the midnight of the budget; fail over.
    #[error("the daily quota is used up")]
    BudgetSpent,
    /// The provider rejects the key. Send no request for an hour; fail over.
    #[error("refused: {reason}")]
    Refused {
        /// Why, for the operator.
        reason: Cow<'static, str>,
    },
    /// The plan does not include the request. Do not repeat it for an hour; fail over.
    #[error("not included in the provider's plan")]
    NotEntitled,
    /// The answer is not in the documented format. Back off.
    #[error("malformed answer: {reason}")]
    Malformed {
        /// What is wrong with the answer.
        reason: Cow<'static, str>,
    },
    /// The request timed out. Back off.
    #[error("request timed out")]
    Timeout,
    /// The provider failed or could not be reached. Back off, for at least `wait` if the provider
    /// sent one.
    #[error("the provider failed: {reason}")]
    Upstream {
        /// What happened, without a URL.
        reason: Cow<'static, str>,
        /// The wait that the provider requested, at most an hour.
        wait: Option<Duration>,
    },
}

impl PollError {
    /// Creates [`PollError::Malformed`].
    pub(crate) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            reason: reason.into(),
        }
    }

    /// Creates [`PollError::NoPrice`].
    pub(crate) fn no_price(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::NoPrice {
            reason: reason.into(),
        }
    }

    /// Creates [`PollError::Upstream`] without a wait.
    pub(crate) fn upstream(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Upstream {
            reason: reason.into(),
            wait: None,
        }
    }

    /// Creates [`PollError::Refused`].
    pub(crate) fn refused(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused {
            reason: reason.into(),
        }
    }

    /// The outcome of the call in the metric `stock_tracker_api_calls_total`.
    pub fn outcome(&self) -> CallOutcome {
        match self {
            Self::NoQuote => CallOutcome::Ok,
            Self::UnknownSymbol | Self::BatchRejected | Self::ListMissing => {
                CallOutcome::UnknownSymbol
            }
            Self::RateLimited { .. } | Self::BudgetSpent => CallOutcome::RateLimited,
            Self::Refused { .. } | Self::NotEntitled => CallOutcome::Refused,
            Self::Malformed { .. } | Self::NoPrice { .. } => CallOutcome::Malformed,
            Self::Timeout => CallOutcome::Timeout,
            Self::Upstream { .. } => CallOutcome::Error,
        }
    }

    /// Whether the provider answered for the symbol, so that the next poll is due after a full
    /// interval.
    pub fn counts_as_answer(&self) -> bool {
        matches!(
            self,
            Self::NoQuote | Self::UnknownSymbol | Self::NoPrice { .. }
        )
    }

    /// Whether the error applies to all requests to the provider.
    pub fn is_provider_wide(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::BudgetSpent | Self::Refused { .. }
        )
    }

    /// Whether a retry may succeed. Transient errors back off with jitter, and repeated ones open
    /// the circuit breaker.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. } | Self::Timeout | Self::Upstream { .. }
        )
    }

    /// The wait that the provider requested, at most an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait } => Some(*wait),
            Self::Upstream { wait, .. } => *wait,
            _ => None,
        }
    }
}
