//! The table `alert_rules`: the rules that fire alerts.

use sea_orm::entity::prelude::*;

use crate::{AlertKind, ChangeBase, Decimal, PriceBasis, Timestamp, Trigger};

/// A row of `alert_rules`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alert_rules")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub stock_id: Option<i64>,
    pub is_default: bool,
    pub kind: AlertKind,
    pub threshold: Decimal,
    pub base: Option<ChangeBase>,
    pub trigger: Trigger,
    pub cooldown_seconds: i32,
    pub enabled: bool,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub name: Option<String>,
    pub note: Option<String>,
    pub basis: PriceBasis,
    pub window_seconds: Option<i32>,
    pub hold_seconds: i32,
    pub rearm_percent: Decimal,
    pub updated_at: Option<Timestamp>,
    /// The threshold as it was set, before splits.
    pub set_threshold: Option<Decimal>,
    /// The trading day in whose shares `set_threshold` is.
    pub level_day: Option<Date>,
    /// The position in the feed after which prices are evaluated.
    pub start_seq: i64,
    /// When the state of the rule began.
    pub start_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
