//! The table `alert_rules`: the rules that fire alerts.

use sea_orm::entity::prelude::*;

use crate::{AlertKind, ChangeBase, Decimal, Timestamp, Trigger};

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
}

impl ActiveModelBehavior for ActiveModel {}
