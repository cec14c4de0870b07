//! The enums of the schema. A value has the same name in the schema and in the database.

use async_graphql::Enum;

/// The kind of condition of an alert rule.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::AlertKind")]
pub(crate) enum AlertKind {
    /// The difference between the price and its base, in percent, is at least the threshold.
    PercentChange,
    /// The price is at or above the threshold.
    PriceAbove,
    /// The price is at or below the threshold.
    PriceBelow,
    /// The price rises from below the threshold to the threshold or above.
    CrossesAbove,
    /// The price falls from above the threshold to the threshold or below.
    CrossesBelow,
    /// The difference between the price and the lowest or highest price of a window before it, in
    /// percent, is at least the threshold.
    ChangeInWindow,
    /// The volume of the session reaches `threshold` times the average volume.
    VolumeSpike,
}

/// The direction of a price movement.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::Direction")]
pub(crate) enum Direction {
    /// The price rose.
    Up,
    /// The price fell.
    Down,
}

/// The price that the percentage of a rule is relative to.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::ChangeBase")]
pub(crate) enum ChangeBase {
    /// The closing price of the previous session, adjusted for splits.
    PreviousClose,
    /// The opening price of the session.
    Open,
    /// The price of the last alert of the rule.
    LastAlert,
}

/// The prices that the level of a rule is compared with.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::PriceBasis")]
pub(crate) enum PriceBasis {
    /// The last price.
    Last,
    /// The last price, and the high and the low of the session. Also catches a touch of the level
    /// between two prices.
    Range,
}

/// How often an alert rule fires.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::Trigger")]
pub(crate) enum Trigger {
    /// The rule fires once and is then disabled.
    Once,
    /// The rule fires each time its condition becomes true.
    EveryTime,
    /// The rule fires at most once per symbol, direction and trading day. The default rule also
    /// fires at each further multiple of its threshold.
    OncePerDay,
}

/// The interval that a candle covers.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::CandleInterval")]
pub(crate) enum CandleInterval {
    /// One minute, aligned to UTC.
    OneMinute,
    /// Five minutes, aligned to UTC.
    FiveMinutes,
    /// Fifteen minutes, aligned to UTC.
    FifteenMinutes,
    /// One hour, aligned to UTC.
    OneHour,
    /// One trading day. Includes trades outside the regular session.
    OneDay,
}

/// The age of a stock's latest price, in trading sessions.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "market::Freshness")]
pub(crate) enum Freshness {
    /// The price is from the current session or, while the market is closed, from the last one.
    /// In New York, a session starts at 09:30.
    Current,
    /// The price is from the session before the current or last one.
    PreviousSession,
    /// The price is from an earlier session.
    Old,
    /// The stock has no price.
    None,
}

/// The market of a stock, derived from its symbol.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Market {
    /// The stock exchanges of the United States.
    Us,
    /// Cryptocurrencies and foreign exchange. A trading day is a day in UTC. Despite the name of
    /// this value, foreign exchange is closed at weekends.
    AlwaysOpen,
    /// Any other exchange, such as that of `TSCO.LON` or `7203.T`. Its hours are unknown.
    Other,
}

impl From<market::Market> for Market {
    fn from(market: market::Market) -> Self {
        use market::Market as Of;
        match market {
            Of::Us => Self::Us,
            Of::Crypto | Of::Forex => Self::AlwaysOpen,
            Of::Other => Self::Other,
        }
    }
}

/// The state of a market-data provider.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::ProviderState")]
pub(crate) enum ProviderState {
    /// The provider works.
    Ok,
    /// The provider works and sends prices over a stream.
    Streaming,
    /// The provider rejects requests because of its rate limit. Polling is paused.
    RateLimited,
    /// The daily request budget is used up. Polling is paused until it is reset.
    BudgetSpent,
    /// The provider rejects the API key.
    Refused,
    /// Requests to the provider fail, or its responses are invalid.
    Failing,
    /// The provider is a fallback and is currently not polled.
    Standby,
}

/// The kind of database.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "store::database::DatabaseKind")]
pub(crate) enum DatabaseKind {
    /// SQLite, embedded in the server.
    Sqlite,
    /// PostgreSQL.
    #[graphql(name = "POSTGRESQL")]
    Postgres,
}

/// The time window of a request budget.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BudgetWindow {
    /// Any second.
    Second,
    /// Any 60 seconds.
    Minute,
    /// A day in the provider's time zone.
    Day,
}

/// Which prices are sent to a client that reads more slowly than prices arrive.
#[derive(Enum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeliveryMode {
    /// Sends only the latest price of each symbol. `extensions.delivery.missed` of the response is
    /// the number of skipped prices.
    #[default]
    Latest,
    /// Sends every price. A client that cannot keep up is disconnected.
    All,
}

/// Why an alert rule did not fire in a dry run: the furthest that any price came.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "crate::service::NotFired")]
pub(crate) enum NotFiredReason {
    /// The range has no prices.
    NoPrices,
    /// No price had everything that the rule compares, such as a previous close.
    NoReference,
    /// The condition was never true.
    NeverTrue,
    /// The condition was true, but never for long enough.
    NotHeld,
    /// The rule had expired before the first price.
    Expired,
}

/// The protocol of a receiver of alerts.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::WebhookFormat")]
pub(crate) enum WebhookFormat {
    /// Standard Webhooks: signed JSON for a server.
    Standard,
    /// Slack, or Mattermost.
    Slack,
    /// Discord.
    Discord,
    /// A topic of ntfy.
    Ntfy,
    /// A bot of Telegram: `https://api.telegram.org/bot<token>/sendMessage?chat_id=<chat>`.
    Telegram,
    /// Apprise API.
    Apprise,
    /// Mail: `mailto:` and one address. Requires `SMTP_URL`.
    Email,
}

/// The state of a delivery.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "entity::DeliveryState")]
pub(crate) enum DeliveryState {
    /// It is to be attempted, or attempted again.
    Pending,
    /// The receiver accepted it.
    Delivered,
    /// It is not attempted again, unless it is redelivered.
    Failed,
}
