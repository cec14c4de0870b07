//! Asks the active tracker to poll, through the database, wherever it runs.
//!
//! One invariant: a request is a row, so that it needs no address and no open connection to whoever serves it; one that
//! nobody serves in time is simply not answered.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use entity::{PollOutcome, Symbol, table::poll_request};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    DbErr, EntityTrait,
};
use tokio::time::timeout;

use crate::{
    Store,
    feed::{Bell, Doorbell},
};

/// How long whoever asks waits for an answer; what is older is not served any more.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How the poll ended.
    pub outcome: PollOutcome,
    /// Seconds until it is worth asking again, if the tracker knows.
    pub retry_after: Option<u32>,
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct PollRequest {
    /// Which symbol to poll.
    pub symbol: Symbol,
    /// Whether to track it, if the provider knows it.
    pub track: bool,
    /// The name to give it then.
    pub name: Option<String>,
}

/// Asks, and waits for the answer. `None` if nobody answered in time: no tracker is active, or it is busy. A database that
/// does not answer in time is the outcome [`PollOutcome::DatabaseUnavailable`].
pub async fn ask(store: &Store, request: PollRequest) -> Result<Option<Answer>, DbErr> {
    // Set while a statement is under way.
    let at_database = AtomicBool::new(false);
    match timeout(PATIENCE, answered(store, request, &at_database)).await {
        Ok(answer) => answer.map(Some),
        Err(_) if at_database.load(Ordering::Relaxed) => Ok(Some(Answer {
            outcome: PollOutcome::DatabaseUnavailable,
            retry_after: None,
        })),
        Err(_) => Ok(None),
    }
}

/// Asks, and waits for the answer without a bound.
async fn answered(
    store: &Store,
    request: PollRequest,
    at_database: &AtomicBool,
) -> Result<Answer, DbErr> {
    let mut bell = store.doorbell.listen(Bell::Request);
    at_database.store(true, Ordering::Relaxed);
    let transaction = store.database.begin_write().await?;
    let row = poll_request::ActiveModel {
        id: NotSet,
        symbol: Set(request.symbol),
        track: Set(request.track),
        name: Set(request.name),
        requested_at: Set(store.clock.now()),
        answered_at: Set(None),
        outcome: Set(None),
        retry_after: Set(None),
    };
    let id = row.insert(&transaction).await?.id;
    Doorbell::notify(&transaction, Bell::Request).await?;
    transaction.commit().await?;
    store.doorbell.ring(Bell::Request);
    loop {
        at_database.store(true, Ordering::Relaxed);
        let row = poll_request::Entity::find_by_id(id)
            .one(store.database.read())
            .await?;
        at_database.store(false, Ordering::Relaxed);
        if let Some(outcome) = row.as_ref().and_then(|row| row.outcome) {
            let retry_after = row.and_then(|row| row.retry_after);
            let retry_after = retry_after.and_then(|seconds| u32::try_from(seconds).ok());
            return Ok(Answer {
                outcome,
                retry_after,
            });
        }
        bell.notified().await;
    }
}
