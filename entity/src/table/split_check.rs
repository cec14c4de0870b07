//! The table `split_checks`: when the splits of a stock were last requested.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `split_checks`, one per stock.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "split_checks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    /// When the splits were last requested.
    #[sea_orm(column_name = "asked_at")]
    pub requested_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
