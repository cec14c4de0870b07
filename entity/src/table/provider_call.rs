//! The table `provider_calls`: the requests of the last minute, for quotas per second and minute.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `provider_calls`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_calls")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub provider: String,
    /// When it was reserved while it is in flight, then when it ended.
    pub sent_at: Timestamp,
    /// How much it takes from the quotas.
    pub cost: i32,
    pub in_flight: bool,
}

impl ActiveModelBehavior for ActiveModel {}
