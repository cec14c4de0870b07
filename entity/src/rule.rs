//! The value types of alert rules.
//!
//! The stored text of an enum value is its public name, so a table read by hand agrees with the
//! API.

use chrono::NaiveDate;
use sea_orm::{DeriveActiveEnum, EnumIter, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol, Timestamp};

/// An alert rule.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult, Serialize, Deserialize)]
pub struct AlertRule {
    /// The id.
    pub id: i64,
    /// The stock it applies to; `None` for all tracked stocks.
    pub stock_id: Option<i64>,
    /// The ticker of the stock.
    pub symbol: Option<Symbol>,
    /// Whether this is the default rule, configured by `ALERT_THRESHOLD`.
    pub is_default: bool,
    /// The name, for people.
    pub name: Option<String>,
    /// A note, for people.
    pub note: Option<String>,
    /// The condition.
    pub kind: AlertKind,
    /// The threshold: percent, a price, or a multiple of the average volume. Splits adjust a price.
    pub threshold: Decimal,
    /// The reference of a percentage.
    pub base: Option<ChangeBase>,
    /// Which prices a level is compared with.
    pub basis: PriceBasis,
    /// The length of the window of `CHANGE_IN_WINDOW`, in seconds.
    pub window_seconds: Option<i32>,
    /// How long the condition must hold, in seconds.
    pub hold_seconds: i32,
    /// How often the rule fires.
    pub trigger: Trigger,
    /// By how many percent the condition must be missed before the rule can fire again.
    pub rearm_percent: Decimal,
    /// The minimum time between two alerts, in seconds.
    pub cooldown_seconds: i32,
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// When the rule expires.
    pub expires_at: Option<Timestamp>,
    /// When the rule was created.
    pub created_at: Timestamp,
    /// When the rule was last changed, if it was.
    pub updated_at: Option<Timestamp>,
    /// The threshold as it was set, before splits; `None` for the default rule.
    pub set_threshold: Option<Decimal>,
    /// The trading day in whose shares `set_threshold` is, if it is a price.
    pub level_day: Option<NaiveDate>,
    /// The position in the feed after which prices are evaluated.
    pub start_seq: i64,
    /// When the state of the rule began.
    pub start_at: Timestamp,
    /// Whether the rule was deleted. Only events have deleted rules.
    #[sea_orm(skip)]
    pub deleted: bool,
}

/// The condition of a rule.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertKind {
    /// The price differs from the base by at least a percentage.
    #[sea_orm(string_value = "PERCENT_CHANGE")]
    PercentChange,
    /// The price is at or above a level.
    #[sea_orm(string_value = "PRICE_ABOVE")]
    PriceAbove,
    /// The price is at or below a level.
    #[sea_orm(string_value = "PRICE_BELOW")]
    PriceBelow,
    /// The price moves from below a level to above it.
    #[sea_orm(string_value = "CROSSES_ABOVE")]
    CrossesAbove,
    /// The price moves from above a level to below it.
    #[sea_orm(string_value = "CROSSES_BELOW")]
    CrossesBelow,
    /// The price differs by at least a percentage from the lowest or the highest price of a window
    /// before it.
    #[sea_orm(string_value = "CHANGE_IN_WINDOW")]
    ChangeInWindow,
    /// The volume of the session exceeds a multiple of its average.
    #[sea_orm(string_value = "VOLUME_SPIKE")]
    VolumeSpike,
}

impl AlertKind {
    /// Returns all kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        <Self as sea_orm::Iterable>::iter()
    }

    /// Returns the stored name, such as `PERCENT_CHANGE`.
    pub fn name(&self) -> String {
        sea_orm::ActiveEnum::to_value(self)
    }
}

/// The direction of a price change.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// The price rose.
    #[sea_orm(string_value = "UP")]
    Up,
    /// The price fell.
    #[sea_orm(string_value = "DOWN")]
    Down,
}

/// The reference of a percentage.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeBase {
    /// The close of the previous session, adjusted for splits.
    #[sea_orm(string_value = "PREVIOUS_CLOSE")]
    PreviousClose,
    /// The open of the session.
    #[sea_orm(string_value = "OPEN")]
    Open,
    /// The price of the rule's last alert.
    #[sea_orm(string_value = "LAST_ALERT")]
    LastAlert,
}

/// How often a rule fires.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Trigger {
    /// Once; then the rule is disabled.
    #[sea_orm(string_value = "ONCE")]
    Once,
    /// Each time its condition becomes true.
    #[sea_orm(string_value = "EVERY_TIME")]
    EveryTime,
    /// Once per symbol and trading day.
    #[sea_orm(string_value = "ONCE_PER_DAY")]
    OncePerDay,
}

/// Which prices a level is compared with.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriceBasis {
    /// The last price.
    #[default]
    #[sea_orm(string_value = "LAST")]
    Last,
    /// The last price, and the high and the low of the session.
    #[sea_orm(string_value = "RANGE")]
    Range,
}
