//! Requests of `api` to the tracker to poll a symbol now: a queue in `poll_requests`.
//!
//! `api` [submits](submit) a request and waits for its response. The tracker reads the
//! [`pending`] requests, polls, stores the quotes, and then [responds](respond). A request
//! that is not answered within [`RESPONSE_TIMEOUT`] has expired: the tracker ignores it and
//! [deletes](delete_old) it later.
//!
//! The queue needs no connection between the processes: the doorbell wakes both sides.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use entity::{PollOutcome, Symbol, Timestamp, table::poll_request};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult};
use tokio::time::timeout;

use crate::{Error, Store, database::DatabaseKind, feed::Topic, sql::Sql};

/// How long `api` waits for a response. The tracker ignores older requests.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(8);
/// The maximum size of the payload of a notification in bytes; PostgreSQL allows 7,999.
const MAX_PAYLOAD: usize = 7_900;
/// How long requests are kept, for debugging.
const RETENTION: Duration = Duration::from_hours(1);

/// A request to poll a symbol.
#[derive(Clone, Debug)]
pub struct PollRequest {
    /// The symbol.
    pub symbol: Symbol,
    /// Whether to track the symbol if the provider knows it.
    pub track: bool,
    /// The name of the stock, if it is tracked.
    pub name: Option<String>,
}

/// The response to a [`PollRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollResponse {
    /// How the poll ended.
    pub outcome: PollOutcome,
    /// Seconds until a retry is useful, if the tracker knows.
    pub retry_after: Option<u32>,
}

/// Submits a request and waits for the response.
///
/// Returns `None` if no response arrives in time, because no tracker is active or it is busy. A
/// database that does not respond in time is [`PollOutcome::DatabaseUnavailable`].
pub async fn submit(store: &Store, request: PollRequest) -> Result<Option<PollResponse>, Error> {
    // Whether a statement is running.
    let at_database = AtomicBool::new(false);
    let response = submit_and_wait(store, request, &at_database);
    match timeout(RESPONSE_TIMEOUT, response).await {
        Ok(response) => response.map(Some),
        Err(_) if at_database.load(Ordering::Relaxed) => Ok(Some(PollResponse {
            outcome: PollOutcome::DatabaseUnavailable,
            retry_after: None,
        })),
        Err(_) => Ok(None),
    }
}

async fn submit_and_wait(
    store: &Store,
    request: PollRequest,
    at_database: &AtomicBool,
) -> Result<PollResponse, Error> {
    let mut response = store.doorbell.response();
    at_database.store(true, Ordering::Relaxed);
    let row = vec![
        request.symbol.into(),
        request.track.into(),
        request.name.into(),
        store.clock.now().into(),
    ];
    let columns = "INSERT INTO poll_requests (symbol, track, name, requested_at) VALUES ";
    let insert = |sql: Sql| sql.push(columns).bind_row(row).push(" RETURNING id");
    let inserted = write_and_notify(store, insert, Topic::Request, "").await?;
    let missing = || Error::MissingRow("row in poll_requests".into());
    let id: i64 = inserted.ok_or_else(missing)?.try_get_by_index(0)?;
    store.doorbell.ring(Topic::Request);
    loop {
        at_database.store(true, Ordering::Relaxed);
        let row = poll_request::Entity::find_by_id(id)
            .one(store.database.read())
            .await?;
        at_database.store(false, Ordering::Relaxed);
        if let Some(outcome) = row.as_ref().and_then(|row| row.outcome) {
            let retry_after = row.and_then(|row| row.retry_after);
            return Ok(PollResponse {
                outcome,
                retry_after: retry_after.and_then(|seconds| u32::try_from(seconds).ok()),
            });
        }
        response.notified(id).await;
    }
}

/// The pending requests for one symbol. One poll answers all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequest {
    /// The ids of the requests.
    pub ids: Vec<i64>,
    /// The symbol.
    pub symbol: Symbol,
    /// Whether to track the symbol if a provider knows it.
    pub track: bool,
    /// The name of the stock, if it is tracked: the last one that was requested.
    pub name: Option<String>,
}

/// Returns the pending requests by symbol, oldest first, without those that `is_known`.
pub async fn pending(
    store: &Store,
    is_known: impl Fn(i64) -> bool,
) -> Result<Vec<PendingRequest>, Error> {
    let expired = store.clock.now().before(RESPONSE_TIMEOUT);
    let rows = poll_request::Entity::find()
        .filter(poll_request::Column::AnsweredAt.is_null())
        .filter(poll_request::Column::RequestedAt.gt(expired))
        .order_by_asc(poll_request::Column::Id)
        .all(store.database.read())
        .await?;
    let mut requests: Vec<PendingRequest> = Vec::new();
    for row in rows.into_iter().filter(|row| !is_known(row.id)) {
        let same_symbol = |request: &&mut PendingRequest| request.symbol == row.symbol;
        match requests.iter_mut().find(same_symbol) {
            Some(request) => {
                request.ids.push(row.id);
                request.track |= row.track;
                request.name = row.name.or(request.name.take());
            }
            None => requests.push(PendingRequest {
                ids: vec![row.id],
                symbol: row.symbol,
                track: row.track,
                name: row.name,
            }),
        }
    }
    Ok(requests)
}

/// How a poll for requests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The outcome.
    pub outcome: PollOutcome,
    /// When a retry is useful.
    pub retry_at: Option<Timestamp>,
}

impl From<PollOutcome> for Completion {
    /// An outcome for which no retry time is known.
    fn from(outcome: PollOutcome) -> Self {
        Self {
            outcome,
            retry_at: None,
        }
    }
}

/// Responds to requests that have no response yet, and wakes their clients. The quotes of the poll
/// must be committed before.
pub async fn respond(store: &Store, ids: &[i64], completion: Completion) -> Result<(), Error> {
    let now = store.clock.now();
    let retry_after = completion.retry_at.map(|at| whole_seconds(at.since(now)));
    let update = |sql: Sql| {
        sql.push("UPDATE poll_requests SET answered_at = ")
            .bind(now)
            .push(", outcome = ")
            .bind(completion.outcome)
            .push(", retry_after = ")
            .bind(retry_after)
            .push(" WHERE answered_at IS NULL AND id")
            .eq_any(ids)
            .push(" RETURNING id")
    };
    let mut payload = serde_json::to_string(ids).map_err(Error::Serialize)?;
    if payload.len() > MAX_PAYLOAD {
        // Wakes the senders of all requests.
        payload.clear();
    }
    write_and_notify(store, update, Topic::Response, &payload).await?;
    store.doorbell.responded(ids);
    Ok(())
}

/// Executes one statement, whose first row is returned, and notifies the other processes when it
/// commits. SQLite has no other processes.
async fn write_and_notify(
    store: &Store,
    statement: impl FnOnce(Sql) -> Sql,
    topic: Topic,
    payload: &str,
) -> Result<Option<QueryResult>, Error> {
    let connection = store.database.write();
    let sql = if store.database.kind() == DatabaseKind::Postgres {
        let notify = format!(") SELECT id, pg_notify('{}', ", topic.channel());
        statement(Sql::new(connection, "WITH written AS ("))
            .push(&notify)
            .bind(payload)
            .push(") FROM written LIMIT 1")
    } else {
        statement(Sql::new(connection, ""))
    };
    let rows = connection.query_all_raw(sql.statement()).await?;
    Ok(rows.into_iter().next())
}

/// Deletes requests that are older than an hour.
pub async fn delete_old(store: &Store) -> Result<(), Error> {
    let transaction = store.database.begin_write().await?;
    poll_request::Entity::delete_many()
        .filter(poll_request::Column::RequestedAt.lt(store.clock.now().before(RETENTION)))
        .exec(&transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// Rounds up to whole seconds, at least one, so that a retry after them is not too early.
fn whole_seconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_micros().div_ceil(1_000_000))
        .unwrap_or(i32::MAX)
        .max(1)
}
