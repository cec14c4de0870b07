//! The table `rule_references`: the price that a rule with the base `LAST_ALERT` compares with.

use sea_orm::entity::prelude::*;

use crate::Decimal;

/// A row of `rule_references`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "rule_references")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    pub price: Decimal,
    /// The trading day in whose shares the price is.
    pub trading_day: Date,
}

impl ActiveModelBehavior for ActiveModel {}
