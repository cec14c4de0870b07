//! `/api/v1/rules`: the alert rules.

use axum::{Json, extract::State};
use entity::{AlertKind, AlertRule, ChangeBase, PriceBasis, Timestamp, Trigger};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::Number;
use crate::service::Service;

/// An alert rule.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(crate) struct RuleView {
    /// The id of the rule.
    #[schema(minimum = 1)]
    id: i64,
    /// The ticker symbol; `null` if the rule applies to every tracked stock.
    #[schema(required)]
    symbol: Option<String>,
    /// The name.
    #[schema(required)]
    name: Option<String>,
    /// A note.
    #[schema(required)]
    note: Option<String>,
    /// The kind of condition.
    #[schema(value_type = String)]
    kind: AlertKind,
    /// The threshold: a percentage, a price, or a multiple of the average volume.
    threshold: Number,
    /// The price that a percentage is relative to.
    #[schema(required, value_type = Option<String>)]
    base: Option<ChangeBase>,
    /// Which prices a level is compared with.
    #[schema(value_type = String)]
    basis: PriceBasis,
    /// The length of the window, in seconds.
    #[schema(required)]
    window_seconds: Option<i32>,
    /// For how long the condition must be true, in seconds.
    hold_seconds: i32,
    /// How often the rule fires.
    #[schema(value_type = String)]
    trigger: Trigger,
    /// By how many percent the condition must be missed before the rule can fire again.
    rearm_percent: Number,
    /// The minimum time between two alerts, in seconds.
    cooldown_seconds: i32,
    /// Whether the rule is active.
    enabled: bool,
    /// The time at which the rule expires (RFC 3339).
    #[schema(required, format = DateTime)]
    expires_at: Option<String>,
    /// The time at which the rule was created (RFC 3339).
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<AlertRule> for RuleView {
    fn from(rule: AlertRule) -> Self {
        Self {
            id: rule.id,
            symbol: rule.symbol.map(|symbol| symbol.to_string()),
            name: rule.name,
            note: rule.note,
            kind: rule.kind,
            threshold: Number(rule.threshold),
            base: rule.base,
            basis: rule.basis,
            window_seconds: rule.window_seconds,
            hold_seconds: rule.hold_seconds,
            trigger: rule.trigger,
            rearm_percent: Number(rule.rearm_percent),
            cooldown_seconds: rule.cooldown_seconds,
            enabled: rule.enabled,
            expires_at: rule.expires_at.as_ref().map(Timestamp::to_string),
            created_at: rule.created_at.to_string(),
        }
    }
}

/// All alert rules, the default rule first.
#[utoipa::path(get, path = "/api/v1/rules", tag = "alerts",
    responses((status = 200, body = [RuleView])))]
pub(crate) async fn rules(State(service): State<Service>) -> Json<Vec<RuleView>> {
    Json(
        service
            .rules(None)
            .into_iter()
            .map(RuleView::from)
            .collect(),
    )
}
