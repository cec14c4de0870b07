//! The table `candles`: prices aggregated by time interval.

use sea_orm::entity::prelude::*;

use crate::{CandleInterval, Decimal, Timestamp};

/// A row of `candles`. The key begins with interval and stock, so the candles of a stock in a time
/// range are one index range.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "candles")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub minutes: CandleInterval,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub start: Timestamp,
    pub opened_at: Option<Timestamp>,
    pub closed_at: Timestamp,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Option<i64>,
    pub count: i32,
}

impl ActiveModelBehavior for ActiveModel {}
