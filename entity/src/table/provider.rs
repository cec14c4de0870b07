//! The table `providers`: the status of each provider, written by the tracker.

use sea_orm::entity::prelude::*;

use crate::{ProviderState, Timestamp};

/// A row of `providers`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "providers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The position in the failover order; NULL if the provider is not configured.
    pub rank: Option<i32>,
    pub state: ProviderState,
    /// The time between two polls of a symbol, in microseconds.
    pub effective_interval: Option<i64>,
    pub note: Option<String>,
    /// What the plan allows.
    pub terms: Option<String>,
    /// When it got its state.
    pub since: Option<Timestamp>,
    /// The position of a replay.
    pub position: Option<String>,
    pub per_second: Option<i32>,
    pub per_minute: Option<i32>,
    pub per_day: Option<i32>,
    /// The budget day that `day_used` counts.
    pub day: Option<Date>,
    pub day_used: i32,
    /// Number of retries in `day_used`.
    pub day_retries: i32,
    pub day_resets_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
