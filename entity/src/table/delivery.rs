//! The table `deliveries`: the alerts that are sent to webhooks.

use sea_orm::entity::prelude::*;

use crate::{DeliveryState, Timestamp};

/// A row of `deliveries`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub webhook_id: i64,
    pub alert_id: i64,
    pub alert_seq: i64,
    /// The rule of the alert, also after it is deleted.
    pub rule_id: Option<i64>,
    pub state: DeliveryState,
    pub next_attempt_at: Timestamp,
    pub expires_at: Timestamp,
    /// How many attempts have failed since the alert or the redelivery.
    pub failures: i32,
    /// Until when later alerts wait for this one, after its first failure.
    pub blocks_until: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
