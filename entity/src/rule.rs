//! The value types of alert rules.
//!
//! The stored text of an enum value is its public name, so a table read by hand agrees with the
//! API.

use sea_orm::{DeriveActiveEnum, EnumIter, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol, Timestamp};

/// An alert rule.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct AlertRule {
    /// The id.
    pub id: i64,
    /// The stock it applies to; `None` for all tracked stocks.
    pub symbol: Option<Symbol>,
    /// Whether this is the default rule, configured by `ALERT_THRESHOLD`.
    pub is_default: bool,
    /// The condition.
    pub kind: AlertKind,
    /// The threshold: percent, a price, or a multiple of the average volume.
    pub threshold: Decimal,
    /// The reference of a percentage.
    pub base: Option<ChangeBase>,
    /// How often the rule fires.
    pub trigger: Trigger,
    /// The minimum time between two alerts, in seconds.
    pub cooldown_seconds: i32,
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// When the rule expires.
    pub expires_at: Option<Timestamp>,
    /// When the rule was created.
    pub created_at: Timestamp,
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
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
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
