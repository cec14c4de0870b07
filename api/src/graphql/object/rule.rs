//! The GraphQL type `AlertRule`: a condition that fires alerts.

use async_graphql::{Context, ID, Object, Result};
use entity::AlertRule;

use super::node::{NodeKind, global_id};
use crate::graphql::{
    context::all_rules,
    enums::{AlertKind, ChangeBase, Trigger},
    output::columns,
    scalar::{DateTime, Decimal, Symbol},
};

/// The GraphQL type `AlertRule`.
#[derive(Clone)]
pub(crate) struct RuleObject(pub AlertRule);

impl RuleObject {
    /// Returns the rule with this id, or `None` if it does not exist.
    pub(super) async fn find(ctx: &Context<'_>, id: i64) -> Result<Option<Self>> {
        let rules = all_rules(ctx).await?;
        let rule = rules.iter().find(|rule| rule.id == id);
        Ok(rule.cloned().map(Self))
    }
}

/// A condition that fires alerts. The default rule applies to all stocks, and its threshold follows
/// the setting `ALERT_THRESHOLD`.
#[Object(name = "AlertRule")]
impl RuleObject {
    /// The global ID of the rule.
    pub(super) async fn id(&self) -> ID {
        global_id(NodeKind::AlertRule, self.0.id)
    }

    /// The ticker symbol of the stock that the rule applies to. Null if it applies to every tracked
    /// stock.
    fn symbol(&self) -> Option<Symbol> {
        self.0.symbol.clone().map(Symbol)
    }

    /// The kind of condition.
    fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// The threshold of the condition: a percentage, a price, or a multiple of the average volume,
    /// depending on `kind`.
    fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// The price that the percentage is relative to. Null unless `kind` is `PERCENT_CHANGE`.
    fn base(&self) -> Option<ChangeBase> {
        self.0.base.map(Into::into)
    }

    /// How often the rule fires.
    fn trigger(&self) -> Trigger {
        self.0.trigger.into()
    }

    /// The minimum time between two alerts of the rule, in seconds.
    fn cooldown_seconds(&self) -> i32 {
        self.0.cooldown_seconds
    }

    /// Whether the rule is active.
    fn enabled(&self) -> bool {
        self.0.enabled
    }

    /// The time at which the rule expires. Null if it does not expire.
    fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// The time at which the rule was created.
    fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

columns!(RuleObject {
    id = |rule: &Self, _| global_id(NodeKind::AlertRule, rule.0.id),
    symbol, kind, threshold, base, trigger, cooldown_seconds, enabled, expires_at, created_at,
});
