//! Requests of `api` to the tracker to poll a symbol or to search for symbols now: a queue in
//! `poll_requests`.
//!
//! `api` [submits](submit) a request and waits for its response. The tracker reads the
//! [`pending`] requests, polls, stores the quotes, and then [responds](respond). A search is
//! [submitted](submit_search) and [responded to](respond_to_search) with the symbols that were
//! found. A request that is not answered within [`RESPONSE_TIMEOUT`] has expired: the tracker
//! ignores it and [deletes](delete_old) it later.
//!
//! The queue needs no connection between the processes: the doorbell wakes both sides.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use entity::{PollOutcome, Symbol, Timestamp, table::poll_request};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QueryResult,
    Value,
};
use tokio::time::timeout;

use crate::{
    Error, Store, database::DatabaseKind, feed::Topic, sql::Sql, symbol_search::SearchResult,
};

/// How long `api` waits for a response. The tracker ignores older requests.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(8);
/// The maximum size of the payload of a notification in bytes; PostgreSQL allows 7,999.
const MAX_PAYLOAD: usize = 7_900;
/// How long polls are kept, for debugging.
const RETENTION: Duration = Duration::from_hours(1);
/// How long searches are kept: they are many, and any client can request them.
const SEARCH_RETENTION: Duration = Duration::from_mins(1);

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollResponse {
    /// How the poll ended.
    pub outcome: PollOutcome,
    /// Seconds until a retry is useful, if the tracker knows.
    pub retry_after: Option<u32>,
    /// Why the poll failed, if known.
    pub reason: Option<String>,
}

/// Submits a request and waits for the response.
///
/// Returns `None` if no response arrives in time, because no tracker is active or it is busy. A
/// database that does not respond in time is [`PollOutcome::DatabaseUnavailable`].
pub async fn submit(store: &Store, request: PollRequest) -> Result<Option<PollResponse>, Error> {
    let row = vec![
        request.symbol.into(),
        request.track.into(),
        request.name.into(),
        store.clock.now().into(),
    ];
    let response = submit_within(store, "(symbol, track, name, requested_at)", row).await?;
    Ok(response.map(|response| PollResponse {
        reason: response.found,
        ..response.poll
    }))
}

/// Submits a search and waits for its result.
///
/// Returns `None` if no result arrives in time, because no tracker is active or it is busy.
///
/// # Errors
/// [`Error::Timeout`] if the database does not respond in time.
pub async fn submit_search(store: &Store, query: &str) -> Result<Option<SearchResult>, Error> {
    let row = vec![query.into(), store.clock.now().into()];
    match submit_within(store, "(query, requested_at)", row).await? {
        Some(Response {
            found: Some(found), ..
        }) => serde_json::from_str(&found)
            .map(Some)
            .map_err(Error::Serialize),
        Some(_) => Err(Error::Timeout(RESPONSE_TIMEOUT)),
        None => Ok(None),
    }
}

/// The response in a row.
struct Response {
    poll: PollResponse,
    found: Option<String>,
}

/// Inserts a row with these columns, and waits for its response.
async fn submit_within(
    store: &Store,
    columns: &'static str,
    row: Vec<Value>,
) -> Result<Option<Response>, Error> {
    // Whether a statement is running.
    let at_database = AtomicBool::new(false);
    let response = submit_and_wait(store, columns, row, &at_database);
    match timeout(RESPONSE_TIMEOUT, response).await {
        Ok(response) => response.map(Some),
        Err(_) if at_database.load(Ordering::Relaxed) => Ok(Some(Response {
            poll: PollResponse {
                outcome: PollOutcome::DatabaseUnavailable,
                retry_after: None,
                reason: None,
            },
            found: None,
        })),
        Err(_) => Ok(None),
    }
}

async fn submit_and_wait(
    store: &Store,
    columns: &'static str,
    row: Vec<Value>,
    at_database: &AtomicBool,
) -> Result<Response, Error> {
    // Before the insert, so that no response is missed.
    let mut response = store.doorbell.response();
    at_database.store(true, Ordering::Relaxed);
    let insert = |sql: Sql| {
        let into = format!("INSERT INTO poll_requests {columns} VALUES ");
        sql.push(&into).bind_row(row).push(" RETURNING id")
    };
    let inserted = write_and_notify(store, insert, Topic::Request, "").await?;
    let missing = || Error::MissingRow("row in poll_requests".into());
    let id: i64 = inserted.ok_or_else(missing)?.try_get_by_index(0)?;
    at_database.store(false, Ordering::Relaxed);
    store.doorbell.ring(Topic::Request);
    loop {
        response.notified(id).await;
        at_database.store(true, Ordering::Relaxed);
        let row = poll_request::Entity::find_by_id(id)
            .one(store.database.read())
            .await?;
        at_database.store(false, Ordering::Relaxed);
        if let Some(row) = row
            && let Some(outcome) = row.outcome
        {
            let retry_after = row.retry_after;
            return Ok(Response {
                poll: PollResponse {
                    outcome,
                    retry_after: retry_after.and_then(|seconds| u32::try_from(seconds).ok()),
                    reason: None,
                },
                found: row.found,
            });
        }
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

/// The pending searches for one text. One search answers all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSearch {
    /// The ids of the requests.
    pub ids: Vec<i64>,
    /// The text to search for.
    pub query: String,
}

/// The pending requests, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// The polls, by symbol.
    pub polls: Vec<PendingRequest>,
    /// The searches, by text.
    pub searches: Vec<PendingSearch>,
}

impl Pending {
    /// Returns the ids of all requests.
    pub fn ids(self) -> Vec<i64> {
        let polls = self.polls.into_iter().map(|request| request.ids);
        let searches = self.searches.into_iter().map(|search| search.ids);
        polls.chain(searches).flatten().collect()
    }

    fn add(&mut self, row: poll_request::Model) {
        if let Some(symbol) = row.symbol {
            match self.polls.iter_mut().find(|it| it.symbol == symbol) {
                Some(request) => {
                    request.ids.push(row.id);
                    request.track |= row.track;
                    request.name = row.name.or(request.name.take());
                }
                None => self.polls.push(PendingRequest {
                    ids: vec![row.id],
                    symbol,
                    track: row.track,
                    name: row.name,
                }),
            }
        } else if let Some(query) = row.query {
            match self.searches.iter_mut().find(|it| it.query == query) {
                Some(search) => search.ids.push(row.id),
                None => self.searches.push(PendingSearch {
                    ids: vec![row.id],
                    query,
                }),
            }
        }
    }
}

/// Returns the pending requests, without those that `is_known`.
pub async fn pending(store: &Store, is_known: impl Fn(i64) -> bool) -> Result<Pending, Error> {
    let expired = store.clock.now().before(RESPONSE_TIMEOUT);
    let rows = poll_request::Entity::find()
        .filter(poll_request::Column::AnsweredAt.is_null())
        .filter(poll_request::Column::RequestedAt.gt(expired))
        .order_by_asc(poll_request::Column::Id)
        .all(store.database.read())
        .await?;
    let mut pending = Pending::default();
    for row in rows.into_iter().filter(|row| !is_known(row.id)) {
        pending.add(row);
    }
    Ok(pending)
}

/// How a poll for requests ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The outcome.
    pub outcome: PollOutcome,
    /// When a retry is useful.
    pub retry_at: Option<Timestamp>,
    /// Why the poll failed, if known.
    pub reason: Option<String>,
}

impl From<PollOutcome> for Completion {
    /// An outcome for which no retry time is known.
    fn from(outcome: PollOutcome) -> Self {
        Self {
            outcome,
            retry_at: None,
            reason: None,
        }
    }
}

/// Responds to requests that have no response yet, and wakes their clients. The quotes of the poll
/// must be committed before.
pub async fn respond(store: &Store, ids: &[i64], completion: &Completion) -> Result<(), Error> {
    write_response(store, ids, completion, completion.reason.clone()).await
}

/// Responds to searches that have no response yet, and wakes their clients.
pub async fn respond_to_search(
    store: &Store,
    ids: &[i64],
    result: &SearchResult,
) -> Result<(), Error> {
    let found = serde_json::to_string(result).map_err(Error::Serialize)?;
    write_response(store, ids, &PollOutcome::Answered.into(), Some(found)).await
}

async fn write_response(
    store: &Store,
    ids: &[i64],
    completion: &Completion,
    found: Option<String>,
) -> Result<(), Error> {
    let now = store.clock.now();
    let retry_after = completion.retry_at.map(|at| whole_seconds(at.since(now)));
    let update = |sql: Sql| {
        sql.push("UPDATE poll_requests SET answered_at = ")
            .bind(now)
            .push(", outcome = ")
            .bind(completion.outcome)
            .push(", retry_after = ")
            .bind(retry_after)
            .push_if_some(", found = ", found)
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

/// Deletes polls that are older than an hour, and searches that are older than a minute.
pub async fn delete_old(store: &Store) -> Result<(), Error> {
    let transaction = store.database.begin_write().await?;
    let now = store.clock.now();
    let is_search = poll_request::Column::Query.is_not_null();
    let old_search = poll_request::Column::RequestedAt.lt(now.before(SEARCH_RETENTION));
    poll_request::Entity::delete_many()
        .filter(
            poll_request::Column::RequestedAt
                .lt(now.before(RETENTION))
                .or(is_search.and(old_search)),
        )
        .exec(&transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// Rounds up to whole seconds, at least one, so that a retry after them is not too early.
fn whole_seconds(wait: Duration) -> i32 {
    let seconds = wait.as_micros().div_ceil(1_000_000);
    Ord::max(i32::try_from(seconds).unwrap_or(i32::MAX), 1)
}
