//! An alert rule.

use async_graphql::{ID, Object};
use entity::AlertRule;

use super::{
    kind::{AlertKind, ChangeBase, Trigger},
    node::{Kind, global_id},
    row::columns,
    scalar::{DateTime, Decimal, Symbol},
};

/// What fires alerts.
#[derive(Clone)]
pub(crate) struct RuleObject(pub AlertRule);

/// What fires alerts. The default rule has no symbol, and its threshold follows the setting `ALERT_THRESHOLD`.
#[Object(name = "AlertRule")]
impl RuleObject {
    /// The rule's global id.
    pub(super) async fn id(&self) -> ID {
        global_id(Kind::AlertRule, self.0.id)
    }

    /// The stock it watches; null for all that are tracked.
    fn symbol(&self) -> Option<Symbol> {
        self.0.symbol.clone().map(Symbol)
    }

    /// What it watches for.
    fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// At what it fires: percent, a price, or a multiple of the average volume.
    fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// What a percentage is measured against.
    fn base(&self) -> Option<ChangeBase> {
        self.0.base.map(Into::into)
    }

    /// How often it fires.
    fn trigger(&self) -> Trigger {
        self.0.trigger.into()
    }

    /// The least time between two of its alerts, in seconds.
    fn cooldown_seconds(&self) -> i32 {
        self.0.cooldown_seconds
    }

    /// Whether it is judged at all.
    fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// When it ends, if it does.
    fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// Since when it exists.
    fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

columns!(RuleObject {
    id = |rule: &Self, _| global_id(Kind::AlertRule, rule.0.id),
    symbol, kind, threshold, base, trigger, cooldown_seconds, enabled, expires_at, created_at,
});
