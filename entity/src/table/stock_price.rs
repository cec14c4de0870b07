//! The table `stock_prices`: every price.

use sea_orm::entity::prelude::*;

use crate::{Decimal, Timestamp};

/// A row of `stock_prices`. The key begins with stock and time, so the newest prices of a stock are
/// one index range, however long its history.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub recorded_at: Timestamp,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub price: Decimal,
    pub previous_close: Option<Decimal>,
    pub open: Option<Decimal>,
    pub high: Option<Decimal>,
    pub low: Option<Decimal>,
    pub volume: Option<i64>,
    pub trading_day: Date,
    pub market_time: Timestamp,
    pub market_time_sent: bool,
    pub provider: String,
}

impl ActiveModelBehavior for ActiveModel {}
