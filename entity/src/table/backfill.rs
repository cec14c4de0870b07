//! `backfills`: whose daily history was asked for.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `backfills`, one for each stock whose history was asked for.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backfills")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub stock_id: i64,
    /// When it was last filled in.
    pub done_at: Option<Timestamp>,
    /// Failures in a row since.
    pub failures: i32,
    /// Not to be asked for before.
    pub next_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
