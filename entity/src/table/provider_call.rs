//! The table `provider_calls`: the requests of the last minute, for quotas per minute.

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
    pub sent_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}
