//! The states of a provider and the outcomes of a poll request.

use std::fmt;

use sea_orm::{ActiveEnum, DeriveActiveEnum, EnumIter};

/// The state of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ProviderState {
    /// It responds.
    #[sea_orm(string_value = "OK")]
    Ok,
    /// It sends prices over a stream.
    #[sea_orm(string_value = "STREAMING")]
    Streaming,
    /// It rejected a request because of its rate limit.
    #[sea_orm(string_value = "RATE_LIMITED")]
    RateLimited,
    /// The requests of the day are exhausted.
    #[sea_orm(string_value = "BUDGET_SPENT")]
    BudgetSpent,
    /// It rejects the API key.
    #[sea_orm(string_value = "REFUSED")]
    Refused,
    /// It does not respond, or its responses are malformed.
    #[sea_orm(string_value = "FAILING")]
    Failing,
    /// It is not polled, because a provider before it in the failover order is polled.
    #[sea_orm(string_value = "STANDBY")]
    Standby,
}

impl fmt::Display for ProviderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_value())
    }
}

/// The outcome of a requested poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum PollOutcome {
    /// The provider responded, and its response is stored.
    #[sea_orm(string_value = "ANSWERED")]
    Answered,
    /// The provider does not know the symbol.
    #[sea_orm(string_value = "UNKNOWN_SYMBOL")]
    UnknownSymbol,
    /// No provider can be polled now, because of its rate limit, its daily budget or a retry delay.
    /// A later poll may succeed.
    #[sea_orm(string_value = "RATE_LIMITED")]
    RateLimited,
    /// The provider failed, or no request could be sent.
    #[sea_orm(string_value = "FAILED")]
    Failed,
    /// The database did not respond in time: no request was sent, or its response is not stored
    /// yet.
    #[sea_orm(string_value = "DATABASE_UNAVAILABLE")]
    DatabaseUnavailable,
}
