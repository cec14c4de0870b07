//! `feed`: what happened, a row per transaction, in the order of commits.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `feed`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed")]
pub struct Model {
    /// Place of the last event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// Place of the last event before this row's: who has not read up to there has missed something.
    pub after_seq: i64,
    pub recorded_at: Timestamp,
    /// The events, as JSON.
    #[sea_orm(column_type = "Text")]
    pub events: String,
}

impl ActiveModelBehavior for ActiveModel {}
