//! The table `feed_head`: the epoch and the end of the feed, in one row, which every writer locks.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// The only row of `feed_head`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed_head")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub epoch: i64,
    pub seq: i64,
    pub recorded_at: Timestamp,
    /// The position of the newest price, of any stock, that retention has deleted, or 0.
    pub pruned_seq: i64,
}

impl ActiveModelBehavior for ActiveModel {}
