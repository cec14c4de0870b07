//! Polls that somebody asked for, as rows of `poll_requests`.
//!
//! One invariant: a request is answered once, and only after what its poll brought was committed; one that nobody
//! waits for any more is left unanswered and forgotten later. [`store::request::ask`] writes the rows and waits, the engine serves
//! them.

use std::time::Duration;

use entity::{PollOutcome, Symbol, Timestamp, table::poll_request};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};
use store::{
    Store,
    feed::{Bell, Doorbell},
    request::PATIENCE,
};

/// How long answered requests are kept for somebody who looks into the table.
const KEPT: Duration = Duration::from_hours(1);

/// Requests for one symbol that one poll answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Their rows.
    pub(crate) ids: Vec<i64>,
    /// What is asked for.
    pub(crate) symbol: Symbol,
    /// Whether it shall be tracked if a provider knows it.
    pub(crate) track: bool,
    /// The name to give it then.
    pub(crate) name: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: PollOutcome,
    /// When it is worth asking again.
    pub(crate) again_at: Option<Timestamp>,
}

impl Verdict {
    /// An outcome that no waiting changes.
    pub(crate) fn of(outcome: PollOutcome) -> Self {
        Self {
            outcome,
            again_at: None,
        }
    }
}

/// The requests that somebody still waits for, oldest first, those for one symbol together; without those of `known`.
pub(crate) async fn open(
    store: &Store,
    known: impl Fn(i64) -> bool,
) -> Result<Vec<Request>, DbErr> {
    let rows = poll_request::Entity::find()
        .filter(poll_request::Column::AnsweredAt.is_null())
        .filter(poll_request::Column::RequestedAt.gt(store.clock.now().before(PATIENCE)))
        .order_by_asc(poll_request::Column::Id)
        .all(store.database.read())
        .await?;
    let mut requests: Vec<Request> = Vec::new();
    for row in rows.into_iter().filter(|row| !known(row.id)) {
        let same = |request: &&mut Request| request.symbol == row.symbol;
        match requests.iter_mut().find(same) {
            Some(request) => {
                request.ids.push(row.id);
                request.track |= row.track;
                // The last name that was requested counts.
                request.name = row.name.or(request.name.take());
            }
            None => requests.push(Request {
                ids: vec![row.id],
                symbol: row.symbol,
                track: row.track,
                name: row.name,
            }),
        }
    }
    Ok(requests)
}

/// Answers requests, and wakes whoever waits for them.
pub(crate) async fn answer(store: &Store, ids: &[i64], verdict: Verdict) -> Result<(), DbErr> {
    let now = store.clock.now();
    let transaction = store.database.begin_write().await?;
    poll_request::Entity::update_many()
        .col_expr(poll_request::Column::AnsweredAt, Expr::value(now))
        .col_expr(poll_request::Column::Outcome, Expr::value(verdict.outcome))
        .col_expr(
            poll_request::Column::RetryAfter,
            Expr::value(verdict.again_at.map(|at| whole_seconds(at.since(now)))),
        )
        .filter(poll_request::Column::Id.is_in(ids.iter().copied()))
        .filter(poll_request::Column::AnsweredAt.is_null())
        .exec(&transaction)
        .await?;
    Doorbell::notify(&transaction, Bell::Request).await?;
    transaction.commit().await?;
    store.doorbell.ring(Bell::Request);
    Ok(())
}

/// Forgets requests of long ago.
pub(crate) async fn prune(store: &Store) -> Result<(), DbErr> {
    let transaction = store.database.begin_write().await?;
    poll_request::Entity::delete_many()
        .filter(poll_request::Column::RequestedAt.lt(store.clock.now().before(KEPT)))
        .exec(&transaction)
        .await?;
    transaction.commit().await
}

/// Rounded up, and at least one: who comes back then finds that the wait is over.
fn whole_seconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_micros().div_ceil(1_000_000))
        .unwrap_or(i32::MAX)
        .max(1)
}
