//! `quotes`: the latest price of each stock, which outlives its row in `stock_prices`, and how far back those reach.

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
    /// No price of the stock that is kept was recorded before.
    pub begins_at: Timestamp,
    /// The place of the last of its prices that retention dropped, or 0.
    pub pruned_seq: i64,
}

impl ActiveModelBehavior for ActiveModel {}
