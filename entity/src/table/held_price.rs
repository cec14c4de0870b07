//! `held_prices`: prices that are stored and published, and not yet evaluated by alert rules.

use sea_orm::entity::prelude::*;

use crate::{Decimal, Timestamp};

/// A row of `held_prices`: what it takes to evaluate the price once the stock's splits are known.
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
    /// The previous close as sent.
    pub previous_close: Option<Decimal>,
    /// The price before it was rounded, as `numerator/denominator`.
    pub exact_price: String,
    /// The previous close before it was rounded.
    pub exact_previous_close: Option<String>,
    /// The last stored close of an earlier day, and that day.
    pub close: Option<Decimal>,
    pub close_day: Option<Date>,
    /// It is evaluated then at the latest.
    pub held_until: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
