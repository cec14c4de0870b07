//! The table `backfills`: the stocks whose daily history was requested.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `backfills`, one per stock.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backfills")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    /// When the history was last filled.
    pub done_at: Option<Timestamp>,
    /// Number of consecutive failed requests since then.
    pub failures: i32,
    /// When the history may be requested again.
    pub next_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
