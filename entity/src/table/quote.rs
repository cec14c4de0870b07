//! The table `quotes`: the latest price of each stock, which retention does not delete.

use sea_orm::entity::prelude::*;

use crate::{Decimal, Timestamp};

/// A row of `quotes`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quotes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    pub recorded_at: Timestamp,
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
    /// The remaining rows of the stock in `stock_prices` begin at this time or later.
    pub begins_at: Timestamp,
    /// The position of the newest price of the stock that retention has deleted, or 0.
    pub pruned_seq: i64,
}

impl ActiveModelBehavior for ActiveModel {}
