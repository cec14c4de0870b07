//! `split_checks`: when a provider was last asked for the splits of a stock.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `split_checks`, one for each stock whose splits were asked for.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "split_checks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    pub asked_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
