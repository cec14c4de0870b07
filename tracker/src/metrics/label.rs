//! Labels of the metrics of requests to providers.

/// The outcome of a call to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// Success.
    Ok,
    /// Rate limited by the provider.
    RateLimited,
    /// The key or the plan was rejected.
    Refused,
    /// The provider does not know the symbol.
    UnknownSymbol,
    /// The response is malformed.
    Malformed,
    /// Timeout.
    Timeout,
    /// Any other error.
    Error,
}

impl CallOutcome {
    /// All outcomes.
    pub(super) const ALL: [Self; 7] = [
        Self::Ok,
        Self::RateLimited,
        Self::Refused,
        Self::UnknownSymbol,
        Self::Malformed,
        Self::Timeout,
        Self::Error,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::UnknownSymbol => "unknown_symbol",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }
}

/// An endpoint of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The latest price of a symbol.
    Quote,
    /// Daily bars.
    Daily,
    /// Share splits.
    Splits,
    /// A list of symbols.
    Symbols,
    /// A search for symbols.
    Search,
}

impl Endpoint {
    /// All endpoints.
    pub(super) const ALL: [Self; 5] = [
        Self::Quote,
        Self::Daily,
        Self::Splits,
        Self::Symbols,
        Self::Search,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Daily => "daily",
            Self::Splits => "splits",
            Self::Symbols => "symbols",
            Self::Search => "search",
        }
    }
}

/// The window of a provider's request budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetWindow {
    /// The last second.
    Second,
    /// The last 60 s.
    Minute,
    /// The day of the provider.
    Day,
}

impl BudgetWindow {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }
}
