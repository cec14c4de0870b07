//! The table `feed`: the events, one row per transaction, in commit order.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `feed`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed")]
pub struct Model {
    /// The position of the last event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The position of the previous row. A follower that has not read it has missed events.
    pub after_seq: i64,
    pub recorded_at: Timestamp,
    /// The events, as JSON.
    #[sea_orm(column_type = "Text")]
    pub events: String,
}

impl ActiveModelBehavior for ActiveModel {}
