//! Converts stored rules.

use std::time::Duration;

use entity::{AlertKind, AlertRule, ChangeBase};

use crate::{Condition, Rule, RuleStart};

impl Condition {
    /// The condition of a stored rule, with the level as it was set.
    pub fn of(rule: &AlertRule) -> Self {
        let threshold = rule.set_threshold.unwrap_or(rule.threshold);
        let basis = rule.basis;
        match rule.kind {
            AlertKind::PriceAbove => Self::Above {
                level: threshold,
                basis,
            },
            AlertKind::PriceBelow => Self::Below {
                level: threshold,
                basis,
            },
            AlertKind::CrossesAbove => Self::CrossesAbove { level: threshold },
            AlertKind::CrossesBelow => Self::CrossesBelow { level: threshold },
            AlertKind::PercentChange => Self::PercentChange {
                percent: threshold,
                base: rule.base.unwrap_or(ChangeBase::PreviousClose),
            },
            AlertKind::ChangeInWindow => Self::ChangeInWindow {
                percent: threshold,
                window: Duration::from_secs(
                    unsigned(rule.window_seconds.unwrap_or_default()).into(),
                ),
            },
            AlertKind::VolumeSpike => Self::VolumeSpike {
                multiple: threshold,
            },
        }
    }
}

impl From<&AlertRule> for Rule {
    fn from(rule: &AlertRule) -> Self {
        Self {
            id: rule.id,
            stock: rule.stock_id,
            condition: Condition::of(rule),
            level_day: rule.level_day.unwrap_or_default(),
            trigger: rule.trigger,
            cooldown_seconds: unsigned(rule.cooldown_seconds),
            hold_seconds: unsigned(rule.hold_seconds),
            rearm_percent: rule.rearm_percent,
            enabled: rule.enabled,
            expires_at: rule.expires_at,
            start: RuleStart {
                seq: rule.start_seq,
                recorded_at: rule.start_at,
            },
        }
    }
}

/// Stored numbers of seconds are not negative.
fn unsigned(seconds: i32) -> u32 {
    u32::try_from(seconds).unwrap_or_default()
}
