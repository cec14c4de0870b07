//! The GraphQL type `AlertRule`: a condition that fires alerts.

use async_graphql::{Context, ID, Object, Result};
use entity::{AlertRule, Timestamp};
use ref_cast::RefCast;
use store::{alert::AlertFilter, price::Recorded};

use super::{
    alert::AlertObject,
    connection::{AlertConnection, AlertCount},
    node::{NodeKind, global_id},
};
use crate::{
    graphql::{
        argument::page_args,
        context::service,
        enums::{AlertKind, ChangeBase, PriceBasis, Trigger},
        plan::{Compiler, Planned, SelectedField, Writer, columns},
        scalar::{Cursor, DateTime, Decimal, Symbol},
    },
    service::GRAPHQL,
};

/// The GraphQL type `AlertRule`.
#[derive(Clone, RefCast)]
#[repr(transparent)]
pub(crate) struct RuleObject(pub AlertRule);

impl RuleObject {
    /// Returns the rule with this id, or `None` if it does not exist.
    pub(super) fn find(ctx: &Context<'_>, id: i64) -> Result<Option<Self>> {
        Ok(service(ctx)?.rule(id).map(Self))
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

    /// The name of the rule. Null if it has none.
    fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// A note about the rule. Null if it has none.
    fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// The kind of condition.
    fn kind(&self) -> AlertKind {
        self.0.kind.into()
    }

    /// The threshold of the condition: a percentage, a price, or a multiple of the average volume,
    /// depending on `kind`. Splits of the stock adjust a price.
    fn threshold(&self) -> Decimal {
        Decimal(self.0.threshold)
    }

    /// The price that the percentage is relative to. Null unless `kind` is `PERCENT_CHANGE`.
    fn base(&self) -> Option<ChangeBase> {
        self.0.base.map(Into::into)
    }

    /// Whether only the last price counts, or also the high and low of the session.
    fn basis(&self) -> PriceBasis {
        self.0.basis.into()
    }

    /// The length of the window before a price, in seconds. Null unless `kind` is
    /// `CHANGE_IN_WINDOW`.
    fn window_seconds(&self) -> Option<i32> {
        self.0.window_seconds
    }

    /// For how long the condition must be true before the rule fires, in seconds.
    fn hold_seconds(&self) -> i32 {
        self.0.hold_seconds
    }

    /// By how many percent of the threshold the condition must be missed before an `EVERY_TIME`
    /// rule can fire again.
    fn rearm_percent(&self) -> Decimal {
        Decimal(self.0.rearm_percent)
    }

    /// How often the rule fires.
    fn trigger(&self) -> Trigger {
        self.0.trigger.into()
    }

    /// The minimum time between two alerts of the rule for the same symbol and direction, in
    /// seconds.
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

    /// Whether the rule has expired.
    fn expired(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(is_expired(&self.0, service(ctx)?.now()))
    }

    /// Whether the rule was deleted. True only in the subscription `alertRules`.
    fn deleted(&self) -> bool {
        self.0.deleted
    }

    /// The time at which the rule was created.
    fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The time at which the rule was last changed.
    fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at.unwrap_or(self.0.created_at))
    }

    /// Lists the alerts of the rule, newest first.
    async fn alerts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Returns the first _n_ items of the list, or the first _n_ after `after`: 0 to 500, 50 by default. Cannot be combined with `last`."
        )]
        first: Option<i32>,
        #[graphql(
            desc = "Returns the alerts that follow this cursor in the list, which are older."
        )]
        after: Option<Cursor>,
        #[graphql(
            desc = "Returns the last _n_ items of the list, or the last _n_ before `before`: 0 to 500, in the order of the list. Cannot be combined with `first`."
        )]
        last: Option<i32>,
        #[graphql(
            desc = "Returns the alerts that precede this cursor in the list, which are newer."
        )]
        before: Option<Cursor>,
    ) -> Result<AlertConnection> {
        let args = page_args(first, after, last, before);
        let rule = AlertFilter::Rule(self.0.id);
        let page = service(ctx)?
            .alerts(rule, Recorded::default(), &args, GRAPHQL)
            .await?;
        Ok(AlertConnection {
            page: page.map(AlertObject),
            count: AlertCount::OfRule(self.0.id),
        })
    }
}

columns!(RuleObject, |rule, run| {
    id: global_id(NodeKind::AlertRule, rule.id),
    symbol: rule.symbol.as_ref(),
    name: rule.name.as_deref(),
    note: rule.note.as_deref(),
    kind: AlertKind::from(rule.kind),
    threshold: rule.threshold,
    base: rule.base.map(ChangeBase::from),
    basis: PriceBasis::from(rule.basis),
    windowSeconds: rule.window_seconds,
    holdSeconds: rule.hold_seconds,
    rearmPercent: rule.rearm_percent,
    trigger: Trigger::from(rule.trigger),
    cooldownSeconds: rule.cooldown_seconds,
    enabled: rule.enabled,
    expiresAt: rule.expires_at,
    expired: is_expired(rule, run.now()),
    deleted: rule.deleted,
    createdAt: rule.created_at,
    updatedAt: rule.updated_at.unwrap_or(rule.created_at),
});

impl Planned for RuleObject {
    const NAME: &'static str = "AlertRule";
    const INTERFACES: &'static [&'static str] = &["Node"];

    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>> {
        match field.name() {
            "alerts" => AlertConnection::planned(field, compiler, |rule: &Self| {
                let id = rule.0.id;
                (AlertFilter::Rule(id), AlertCount::OfRule(id))
            }),
            name => Self::column(name),
        }
    }
}

fn is_expired(rule: &AlertRule, now: Timestamp) -> bool {
    rule.expires_at.is_some_and(|at| at <= now)
}
