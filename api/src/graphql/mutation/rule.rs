//! Inputs and payloads of the mutations of alert rules.

use async_graphql::{ID, InputObject, MaybeUndefined, SimpleObject};

use super::cleared;
use crate::{
    graphql::{
        enums::{AlertKind, ChangeBase, PriceBasis, Trigger},
        object::{NodeKind, RuleObject, parse_id},
        scalar::{DateTime, Decimal, Symbol},
    },
    service::{NewRule, RuleUpdate},
};

/// Input of `createAlertRule` and `testAlertRule`.
#[derive(InputObject)]
pub(crate) struct CreateAlertRuleInput {
    /// The ticker symbol of the stock that the rule applies to. If omitted, the rule applies to
    /// every tracked stock; rules with a price as threshold require a symbol.
    symbol: Option<Symbol>,
    /// The name of the rule: 1 to 120 characters, no control characters.
    name: Option<String>,
    /// A note about the rule: at most 2,000 characters.
    note: Option<String>,
    /// The kind of condition.
    kind: AlertKind,
    /// The threshold: a percentage, a price, or a multiple of the average volume, depending on
    /// `kind`. Greater than 0.
    threshold: Decimal,
    /// The price that the percentage is relative to. Only for `PERCENT_CHANGE`, where the default
    /// is `PREVIOUS_CLOSE`.
    base: Option<ChangeBase>,
    /// Whether only the last price counts, or also the high and low of the session. `RANGE` is only
    /// for `PRICE_ABOVE` and `PRICE_BELOW`.
    #[graphql(default_with = "Some(PriceBasis::Last)")]
    basis: Option<PriceBasis>,
    /// The length of the window before a price in seconds: 300, 900, 3600, 14400 or 86400. Required
    /// for `CHANGE_IN_WINDOW`.
    window_seconds: Option<i32>,
    /// For how long the condition must be true before the rule fires, in seconds: 0 to 86400.
    #[graphql(default_with = "Some(0)")]
    hold_seconds: Option<i32>,
    /// How often the rule fires.
    #[graphql(default_with = "Some(Trigger::OncePerDay)")]
    trigger: Option<Trigger>,
    /// By how many percent of the threshold the condition must be missed before an `EVERY_TIME`
    /// rule can fire again: 0 to 50.
    #[graphql(default_with = "Some(Decimal(entity::Decimal::ZERO))")]
    rearm_percent: Option<Decimal>,
    /// The minimum time between two alerts for the same symbol and direction, in seconds: 0 to
    /// 604800.
    #[graphql(default_with = "Some(0)")]
    cooldown_seconds: Option<i32>,
    /// Whether the rule is active.
    #[graphql(default_with = "Some(true)")]
    enabled: Option<bool>,
    /// The time at which the rule expires.
    expires_at: Option<DateTime>,
}

impl From<CreateAlertRuleInput> for NewRule {
    fn from(input: CreateAlertRuleInput) -> Self {
        Self {
            symbol: input.symbol.map(|symbol| symbol.0),
            name: input.name,
            note: input.note,
            kind: input.kind.into(),
            threshold: input.threshold.0,
            base: input.base.map(Into::into),
            basis: input.basis.unwrap_or(PriceBasis::Last).into(),
            window_seconds: input.window_seconds,
            hold_seconds: input.hold_seconds.unwrap_or_default(),
            trigger: input.trigger.unwrap_or(Trigger::OncePerDay).into(),
            rearm_percent: input.rearm_percent.map_or(entity::Decimal::ZERO, |it| it.0),
            cooldown_seconds: input.cooldown_seconds.unwrap_or_default(),
            enabled: input.enabled.unwrap_or(true),
            expires_at: input.expires_at.map(|at| at.0),
        }
    }
}

/// Input of `updateAlertRule`. A field that is omitted keeps its value. The symbol and kind of a
/// rule cannot be changed.
#[derive(InputObject)]
pub(crate) struct UpdateAlertRuleInput {
    /// The global ID of the rule.
    pub(super) id: ID,
    /// The new name: 1 to 120 characters. Null removes the name.
    name: MaybeUndefined<String>,
    /// The new note: at most 2,000 characters. Null removes the note.
    note: MaybeUndefined<String>,
    /// The new threshold, greater than 0.
    threshold: Option<Decimal>,
    /// The new base. Null means `PREVIOUS_CLOSE`.
    base: MaybeUndefined<ChangeBase>,
    /// The new basis.
    basis: Option<PriceBasis>,
    /// The new length of the window in seconds: 300, 900, 3600, 14400 or 86400.
    window_seconds: Option<i32>,
    /// For how long the condition must be true, in seconds: 0 to 86400.
    hold_seconds: Option<i32>,
    /// How often the rule fires.
    trigger: Option<Trigger>,
    /// The new margin of re-arming in percent of the threshold: 0 to 50.
    rearm_percent: Option<Decimal>,
    /// The new minimum time between two alerts, in seconds: 0 to 604800.
    cooldown_seconds: Option<i32>,
    /// Whether the rule is active.
    enabled: Option<bool>,
    /// The time at which the rule expires. Null means never.
    expires_at: MaybeUndefined<DateTime>,
}

impl From<UpdateAlertRuleInput> for RuleUpdate {
    fn from(input: UpdateAlertRuleInput) -> Self {
        Self {
            name: cleared(input.name),
            note: cleared(input.note),
            threshold: input.threshold.map(|it| it.0),
            base: cleared(input.base).map(|base| base.map(Into::into)),
            basis: input.basis.map(Into::into),
            window_seconds: input.window_seconds,
            hold_seconds: input.hold_seconds,
            trigger: input.trigger.map(Into::into),
            rearm_percent: input.rearm_percent.map(|it| it.0),
            cooldown_seconds: input.cooldown_seconds,
            enabled: input.enabled,
            expires_at: cleared(input.expires_at).map(|at| at.map(|at| at.0)),
        }
    }
}

/// Input of `deleteAlertRule`.
#[derive(InputObject)]
pub(crate) struct DeleteAlertRuleInput {
    /// The global ID of the rule.
    pub(super) id: ID,
}

/// Payload of `createAlertRule`.
#[derive(SimpleObject)]
pub(crate) struct CreateAlertRulePayload {
    /// The new rule.
    pub(super) alert_rule: RuleObject,
}

/// Payload of `updateAlertRule`.
#[derive(SimpleObject)]
pub(crate) struct UpdateAlertRulePayload {
    /// The rule after the mutation.
    pub(super) alert_rule: RuleObject,
}

/// Payload of `deleteAlertRule`.
#[derive(SimpleObject)]
pub(crate) struct DeleteAlertRulePayload {
    /// The global ID of the deleted rule.
    pub(super) deleted_id: ID,
}

/// Returns the row of a rule's global ID, or `None` if it is not one.
pub(super) fn row(id: &ID) -> Option<i64> {
    parse_id(id)
        .filter(|(kind, _)| *kind == NodeKind::AlertRule)
        .map(|(_, row)| row)
}
