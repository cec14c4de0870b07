//! The table `rule_states`: the state of a rule for a stock and a direction.

use sea_orm::entity::prelude::*;

use crate::{Direction, Timestamp};

/// A row of `rule_states`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_states")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub direction: Direction,
    /// Whether the rule must be re-armed before it can fire again.
    pub disarmed: bool,
    pub fired_at: Option<Timestamp>,
    pub fired_day: Option<Date>,
    /// Since when the condition holds.
    pub true_since: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
