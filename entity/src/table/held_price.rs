//! The table `held_prices`: stored prices that alert rules have not evaluated yet.

use sea_orm::entity::prelude::*;

use crate::{Decimal, Timestamp};

/// A row of `held_prices`: what is needed to evaluate the price when the splits of the stock are
/// known.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "held_prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    /// The price's position in the feed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub recorded_at: Timestamp,
    pub trading_day: Date,
    pub price: Decimal,
    pub open: Option<Decimal>,
    /// The previous close as the provider sent it.
    pub previous_close: Option<Decimal>,
    /// The unrounded price, as `numerator/denominator`.
    pub exact_price: String,
    /// The unrounded previous close.
    pub exact_previous_close: Option<String>,
    /// The last stored close of an earlier day, and that day.
    pub close: Option<Decimal>,
    pub close_day: Option<Date>,
    /// When the price is evaluated at the latest.
    pub held_until: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
