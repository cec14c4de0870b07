//! The table `alerts`: every alert that fired.

use sea_orm::entity::prelude::*;

use crate::{AlertKind, Decimal, Direction, Timestamp};

/// A row of `alerts`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub stock_id: i64,
    pub rule_id: Option<i64>,
    pub seq: i64,
    pub kind: AlertKind,
    pub direction: Direction,
    pub price: Decimal,
    pub reference_price: Option<Decimal>,
    pub change_percent: Option<Decimal>,
    pub threshold: Decimal,
    pub trading_day: Date,
    pub triggered_at: Timestamp,
    pub acknowledged_at: Option<Timestamp>,
    /// When the alert fired, if that was later than its price was stored.
    pub fired_at: Option<Timestamp>,
    /// The position of the price that caused the alert of a user's rule.
    pub price_seq: Option<i64>,
    /// The name of the rule when it fired.
    pub rule_name: Option<String>,
    /// The high or low of the session that touched the threshold, if the price did not reach it.
    pub touched: Option<Decimal>,
}

impl ActiveModelBehavior for ActiveModel {}
