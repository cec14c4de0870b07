//! A rule as the evaluator sees it, and its state.

use chrono::NaiveDate;
use entity::{Decimal, Direction, Timestamp, Trigger};

use crate::Condition;

/// An alert rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The id.
    pub id: i64,
    /// The stock whose prices are evaluated; `None` for all stocks.
    pub stock: Option<i64>,
    /// When the rule is true. A level is in the units of [`level_day`](Self::level_day).
    pub condition: Condition,
    /// The trading day in whose units a level was set: splits after it adjust the level.
    pub level_day: NaiveDate,
    /// How often the rule fires.
    pub trigger: Trigger,
    /// The minimum time between two alerts of one symbol and direction, in seconds.
    pub cooldown_seconds: u32,
    /// How long the condition must hold, in seconds.
    pub hold_seconds: u32,
    /// By how many percent the condition must be missed before the rule can fire again.
    pub rearm_percent: Decimal,
    /// Whether the rule is evaluated.
    pub enabled: bool,
    /// When the rule expires.
    pub expires_at: Option<Timestamp>,
    /// From where on the rule is evaluated.
    pub start: RuleStart,
}

/// When the state of a rule began: when it was created, enabled, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleStart {
    /// The position in the feed. Later prices are evaluated.
    pub seq: i64,
    /// The time.
    pub recorded_at: Timestamp,
}

/// The state of a rule for one symbol and direction. The default is the state at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether the rule has fired and must be re-armed before it can fire again.
    pub disarmed: bool,
    /// When the rule last fired.
    pub fired_at: Option<Timestamp>,
    /// The trading day on which the rule last fired.
    pub fired_day: Option<NaiveDate>,
    /// Since when the condition holds. Only known of rules that must hold.
    pub true_since: Option<Timestamp>,
}

/// The price of a rule's last alert of a symbol, before the first one the first price evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The price.
    pub price: Decimal,
    /// Its trading day. Splits after it adjust the price.
    pub trading_day: NaiveDate,
}

impl Rule {
    /// The directions in which the rule is evaluated.
    pub fn directions(&self) -> &'static [Direction] {
        self.condition.directions()
    }

    /// Whether the rule has expired at an instant.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
