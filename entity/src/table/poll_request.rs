//! `poll_requests`: polls that somebody asked the active tracker for.

use sea_orm::entity::prelude::*;

use crate::{PollOutcome, Symbol, Timestamp};

/// A row of `poll_requests`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll_requests")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(column_type = "Text")]
    pub symbol: Symbol,
    /// The name to give a stock that the poll makes known; also tells that it shall be tracked then.
    pub track: bool,
    pub name: Option<String>,
    pub requested_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub outcome: Option<PollOutcome>,
    /// Seconds until it is worth asking again.
    pub retry_after: Option<i32>,
}

impl ActiveModelBehavior for ActiveModel {}
