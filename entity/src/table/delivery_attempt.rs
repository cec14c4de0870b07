//! The table `delivery_attempts`: the attempts to deliver an alert.

use sea_orm::entity::prelude::*;

use crate::Timestamp;

/// A row of `delivery_attempts`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_attempts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub delivery_id: i64,
    pub at: Timestamp,
    pub status: Option<i32>,
    pub error: Option<String>,
    pub duration_ms: i32,
}

impl ActiveModelBehavior for ActiveModel {}
