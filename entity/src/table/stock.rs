//! The table `stocks`: every stock that is or was tracked.

use sea_orm::entity::prelude::*;

use crate::{Symbol, Timestamp};

/// A row of `stocks`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stocks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique, column_type = "Text")]
    pub symbol: Symbol,
    pub name: Option<String>,
    pub currency: Option<String>,
    pub exchange: Option<String>,
    pub tracked: bool,
    pub tracked_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub alert_count: i64,
    pub unpriced_answers: i32,
    /// When a scheduled poll of the stock was last sent.
    #[sea_orm(column_name = "asked_at")]
    pub requested_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}
