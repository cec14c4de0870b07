//! `providers`: how each provider is doing, written by the tracker and read by everybody.

use sea_orm::entity::prelude::*;

use crate::{ProviderState, Timestamp};

/// A row of `providers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "providers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Place in the fallback order; NULL for one that is no longer configured.
    pub rank: Option<i32>,
    pub state: ProviderState,
    /// Microseconds between two polls of a symbol, as planned.
    pub effective_interval: Option<i64>,
    pub note: Option<String>,
    /// Where a replay goes on.
    pub position: Option<String>,
    pub per_minute: Option<i32>,
    pub per_day: Option<i32>,
    /// The budget day that `day_used` counts.
    pub day: Option<Date>,
    pub day_used: i32,
    /// Retries among `day_used`.
    pub day_retries: i32,
    pub day_resets_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
