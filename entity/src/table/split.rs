//! The table `splits`: the share splits of stocks.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `splits`. `denominator` old shares become `numerator` new ones.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "splits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    /// The first trading day with prices in new shares.
    #[sea_orm(primary_key, auto_increment = false)]
    pub effective_on: Date,
    pub numerator: i64,
    pub denominator: i64,
    /// The provider that reported it.
    pub source: String,
    pub recorded_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
