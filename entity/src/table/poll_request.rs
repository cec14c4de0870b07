//! The table `poll_requests`: polls and searches requested from the active tracker.

use sea_orm::entity::prelude::*;

use crate::{PollOutcome, Symbol, Timestamp};

/// A row of `poll_requests`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "poll_requests")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The symbol to poll; null for a search.
    #[sea_orm(column_type = "Text")]
    pub symbol: Option<Symbol>,
    /// Whether to track the stock if the provider knows it.
    pub track: bool,
    /// The name of the stock, if it is tracked.
    pub name: Option<String>,
    pub requested_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub outcome: Option<PollOutcome>,
    /// Seconds until a retry is useful.
    pub retry_after: Option<i32>,
    /// The text to search for; null for a poll.
    pub query: Option<String>,
    /// The result of a search, as JSON. For a poll, why no provider returned a price.
    pub found: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
