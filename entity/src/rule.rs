//! The words of alert rules, as stored and as told.
//!
//! One invariant: the stored text of a value is its public name, so that a table read by hand and the API agree.

use sea_orm::{DeriveActiveEnum, EnumIter, FromQueryResult};
use serde::{Deserialize, Serialize};

use crate::{Decimal, Symbol, Timestamp};

/// One alert rule.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct AlertRule {
    /// Its row.
    pub id: i64,
    /// The stock it watches; `None` for all that are tracked.
    pub symbol: Option<Symbol>,
    /// Whether it is the rule that follows `ALERT_THRESHOLD`.
    pub is_default: bool,
    /// What it watches for.
    pub kind: AlertKind,
    /// At what it fires: percent, a price, or a multiple of the average volume.
    pub threshold: Decimal,
    /// What a percentage is measured against.
    pub base: Option<ChangeBase>,
    /// How often it fires.
    pub trigger: Trigger,
    /// The least time between two alerts of it, in seconds.
    pub cooldown_seconds: i32,
    /// Whether it is judged at all.
    pub enabled: bool,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Since when it exists.
    pub created_at: Timestamp,
}

/// What a rule watches for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertKind {
    /// The price differs from a base by a percentage or more.
    #[sea_orm(string_value = "PERCENT_CHANGE")]
    PercentChange,
    /// The price is at or above a level.
    #[sea_orm(string_value = "PRICE_ABOVE")]
    PriceAbove,
    /// The price is at or below a level.
    #[sea_orm(string_value = "PRICE_BELOW")]
    PriceBelow,
    /// The price goes from below a level to above it.
    #[sea_orm(string_value = "CROSSES_ABOVE")]
    CrossesAbove,
    /// The price goes from above a level to below it.
    #[sea_orm(string_value = "CROSSES_BELOW")]
    CrossesBelow,
    /// The session's volume exceeds a multiple of its average.
    #[sea_orm(string_value = "VOLUME_SPIKE")]
    VolumeSpike,
}

/// Which way a price went.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Direction {
    /// It rose.
    #[sea_orm(string_value = "UP")]
    Up,
    /// It fell.
    #[sea_orm(string_value = "DOWN")]
    Down,
}

/// What a percentage is measured against.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChangeBase {
    /// The previous session's close, adjusted for splits.
    #[sea_orm(string_value = "PREVIOUS_CLOSE")]
    PreviousClose,
    /// The session's open.
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
    /// Once, and then it is disabled.
    #[sea_orm(string_value = "ONCE")]
    Once,
    /// Each time its condition becomes true.
    #[sea_orm(string_value = "EVERY_TIME")]
    EveryTime,
    /// Once per symbol and trading day.
    #[sea_orm(string_value = "ONCE_PER_DAY")]
    OncePerDay,
}
