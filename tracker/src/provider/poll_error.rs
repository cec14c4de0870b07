//! Why a symbol has no quote this time, typed by what to do next.
//!
//! One invariant: no error holds a URL, a key or a page of the service's text, so that each may be logged, stored and
//! shown as it is. Providers make them, the loop acts on them, `status` and metrics tell them.

use std::{borrow::Cow, time::Duration};

/// What kept a provider from quoting a symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PollError {
    /// The provider does not know the symbol: say so, ask nobody else.
    #[error("unknown symbol")]
    UnknownSymbol,
    /// It knows the symbol and answered, but has nothing to say now (a replayed day without a bar).
    #[error("nothing to say of the symbol now")]
    NoQuote,
    /// It answered for the symbol, without a price that can be stored. Other symbols are not concerned.
    #[error("no price: {reason}")]
    NoPrice {
        /// What is wrong with the answer.
        reason: Cow<'static, str>,
    },
    /// Too many requests: ask again after `wait`, at most an hour.
    #[error("rate limited: wait {}", Seconds(*.wait))]
    RateLimited {
        /// How long to leave the provider alone.
        wait: Duration,
    },
    /// The day's requests are spent: leave it alone until the budget's midnight, ask the next provider.
    #[error("the day's requests are spent")]
    BudgetSpent,
    /// It refuses the key: leave it alone for an hour, ask the next provider.
    #[error("refused: {reason}")]
    Refused {
        /// Why, in words for an operator.
        reason: Cow<'static, str>,
    },
    /// The plan does not include what was asked: do not ask it for that for an hour, ask the next provider.
    #[error("not included in the provider's plan")]
    NotEntitled,
    /// The answer is not what the provider promises: back off.
    #[error("malformed answer: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// No answer in time: back off.
    #[error("no answer in time")]
    Timeout,
    /// It failed on its side, or could not be reached: back off, for at least `wait` if it named one.
    #[error("the provider failed: {reason}")]
    Upstream {
        /// What happened, without a URL.
        reason: Cow<'static, str>,
        /// How long it asked to be left alone, at most an hour.
        wait: Option<Duration>,
    },
}

impl PollError {
    /// A malformed answer.
    pub(crate) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed {
            reason: reason.into(),
        }
    }

    /// An answer for one symbol that has no price.
    pub(crate) fn no_price(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::NoPrice {
            reason: reason.into(),
        }
    }

    /// A failure on the provider's side that names no time to wait.
    pub(crate) fn upstream(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Upstream {
            reason: reason.into(),
            wait: None,
        }
    }

    /// The metrics' `outcome` label, as documented for `stock_tracker_api_calls_total`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::NoQuote => "ok",
            Self::UnknownSymbol => "unknown_symbol",
            Self::RateLimited { .. } | Self::BudgetSpent => "rate_limited",
            Self::Refused { .. } | Self::NotEntitled => "refused",
            Self::Malformed { .. } | Self::NoPrice { .. } => "malformed",
            Self::Timeout => "timeout",
            Self::Upstream { .. } => "error",
        }
    }

    /// Whether the provider answered the question, so that the symbol is neither stale nor due again at once.
    pub fn counts_as_answer(&self) -> bool {
        matches!(
            self,
            Self::NoQuote | Self::UnknownSymbol | Self::NoPrice { .. }
        )
    }

    /// Whether it says something of the whole provider, whatever was asked for.
    pub fn is_of_the_provider(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. } | Self::BudgetSpent | Self::Refused { .. }
        )
    }

    /// Whether it is a fault that time may heal: it backs off with jitter, and enough of them open the breaker.
    pub fn backs_off(&self) -> bool {
        matches!(
            self,
            Self::Malformed { .. } | Self::Timeout | Self::Upstream { .. }
        )
    }

    /// How long the provider asked to be left alone, at most an hour.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait } => Some(*wait),
            Self::Upstream { wait, .. } => *wait,
            _ => None,
        }
    }
}

/// A duration as people read it: `1.5 s`.
struct Seconds(Duration);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}
