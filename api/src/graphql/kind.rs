//! The enums.
//!
//! One invariant: a value's public name is its stored name.

use async_graphql::Enum;

/// What a rule watches for.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::AlertKind")]
pub(crate) enum AlertKind {
    /// The price differs from a base by a percentage or more.
    PercentChange,
    /// The price is at or above a level.
    PriceAbove,
    /// The price is at or below a level.
    PriceBelow,
    /// The price goes from below a level to above it.
    CrossesAbove,
    /// The price goes from above a level to below it.
    CrossesBelow,
    /// The session's volume exceeds a multiple of its average.
    VolumeSpike,
}

/// Which way a price went.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::Direction")]
pub(crate) enum Direction {
    /// It rose.
    Up,
    /// It fell.
    Down,
}

/// What a percentage is measured against.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::ChangeBase")]
pub(crate) enum ChangeBase {
    /// The previous session's close, adjusted for splits.
    PreviousClose,
    /// The session's open.
    Open,
    /// The price of the rule's last alert.
    LastAlert,
}

/// How often a rule fires.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::Trigger")]
pub(crate) enum Trigger {
    /// Once, and then it is disabled.
    Once,
    /// Each time its condition becomes true.
    EveryTime,
    /// Once per symbol and trading day; a percentage once per direction and multiple.
    OncePerDay,
}

/// How long candles are.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::CandleInterval")]
pub(crate) enum CandleInterval {
    /// A minute of UTC.
    OneMinute,
    /// Five minutes of UTC.
    FiveMinutes,
    /// A quarter of an hour of UTC.
    FifteenMinutes,
    /// An hour of UTC.
    OneHour,
    /// A trading day, early and late trades included, from its session's open to its close.
    OneDay,
}

/// How old a stock's newest price is.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "tracker::schedule::Freshness")]
pub(crate) enum Freshness {
    /// It is of the session that is open or was last. In New York that is the day before until 09:30.
    Current,
    /// It is of the session before that.
    PreviousSession,
    /// It is of an earlier session.
    Old,
    /// There is no price.
    None,
}

/// The market of a stock, derived from its symbol.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    /// The stock exchanges of the United States.
    Us,
    /// Cryptocurrencies and foreign exchange, whose trading days are those of UTC. Foreign exchange rests at weekends.
    AlwaysOpen,
    /// An exchange whose hours are not known, such as that of `TSCO.LON` or `7203.T`.
    Other,
}

impl From<tracker::market::Market> for Market {
    fn from(market: tracker::market::Market) -> Self {
        use tracker::market::Market as Of;
        match market {
            Of::Us => Self::Us,
            Of::Crypto | Of::Forex => Self::AlwaysOpen,
            Of::Other => Self::Other,
        }
    }
}

/// How a provider is doing.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::ProviderState")]
pub(crate) enum ProviderState {
    /// It answers.
    Ok,
    /// It asked for patience.
    RateLimited,
    /// The day's requests are spent.
    BudgetSpent,
    /// It refuses the key.
    Refused,
    /// It does not answer, or not with what it promises.
    Failing,
    /// It waits for its turn.
    Standby,
}

/// What the data is stored in.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "runtime::database::DatabaseKind")]
pub(crate) enum DatabaseKind {
    /// The embedded database, in one file.
    Sqlite,
    /// A PostgreSQL server.
    #[graphql(name = "POSTGRESQL")]
    Postgres,
}

/// The time that a budget is for.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetWindow {
    /// Any 60 seconds.
    Minute,
    /// The provider's day.
    Day,
}

/// What happens to a client that reads more slowly than prices come.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeliveryMode {
    /// Prices are conflated per symbol: the latest is sent, and `extensions.delivery.missed` says how many were not.
    #[default]
    Latest,
    /// Nothing is ever skipped; a client that cannot keep up is closed.
    All,
}
