//! An alert rule.

use async_graphql::{ID, Object};
use entity::AlertRule;

use super::{
    kind::{AlertKind, ChangeBase, Trigger},
    node::{Kind, global_id},
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
    async fn symbol(&self) -> Option<Symbol> {
        self.0.symbol.clone().map(Symbol)
    }

    /// What it watches for.
    async fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// At what it fires: percent, a price, or a multiple of the average volume.
    async fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// What a percentage is measured against.
    async fn base(&self) -> Option<ChangeBase> {
        self.0.base.map(Into::into)
    }

    /// How often it fires.
    async fn trigger(&self) -> Trigger {
        self.0.trigger.into()
    }

    /// The least time between two of its alerts, in seconds.
    async fn cooldown_seconds(&self) -> i32 {
        self.0.cooldown_seconds
    }

    /// Whether it is judged at all.
    async fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// When it ends, if it does.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// Since when it exists.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}
