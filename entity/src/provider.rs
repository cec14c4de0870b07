//! The words of providers' states, as stored and as told.

use std::fmt;

use sea_orm::{ActiveEnum, DeriveActiveEnum, EnumIter};

/// How a provider is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ProviderState {
    /// It answers.
    #[sea_orm(string_value = "OK")]
    Ok,
    /// It asked for patience.
    #[sea_orm(string_value = "RATE_LIMITED")]
    RateLimited,
    /// The day's requests are spent.
    #[sea_orm(string_value = "BUDGET_SPENT")]
    BudgetSpent,
    /// It refuses the key.
    #[sea_orm(string_value = "REFUSED")]
    Refused,
    /// It does not answer, or not with what it promises.
    #[sea_orm(string_value = "FAILING")]
    Failing,
    /// It waits for its turn.
    #[sea_orm(string_value = "STANDBY")]
    Standby,
}

impl fmt::Display for ProviderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_value())
    }
}

/// How a poll that somebody asked for ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum PollOutcome {
    /// The provider answered; what it said is stored.
    #[sea_orm(string_value = "ANSWERED")]
    Answered,
    /// The provider does not know the symbol.
    #[sea_orm(string_value = "UNKNOWN_SYMBOL")]
    UnknownSymbol,
    /// No budget was left to ask.
    #[sea_orm(string_value = "RATE_LIMITED")]
    RateLimited,
    /// The provider could not be asked, or failed.
    #[sea_orm(string_value = "FAILED")]
    Failed,
    /// The database did not answer in time: nothing was asked, or the answer is not stored yet.
    #[sea_orm(string_value = "DATABASE_UNAVAILABLE")]
    DatabaseUnavailable,
}
