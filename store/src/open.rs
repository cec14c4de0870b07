//! Opens the store at a start: waits for the database, brings it to the newest shape, fills an empty one.
//!
//! One invariant: the process is alive all the while, and ready only once everything here is done.

use std::{convert::Infallible, process::ExitCode};

use runtime::{
    clock::SharedClock,
    config::{Program, Settings},
    database::{Database, DatabaseError},
    health::Health,
    lifecycle::Shutdown,
};
use sea_orm::DbErr;

use crate::{
    Seed, Store,
    feed::{Bell, FeedStream, StreamError, relay_feed, relay_notifications},
    seed,
};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached or brought up to date.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An empty database cannot be filled.
    #[error("cannot fill the empty database")]
    Seed(#[source] DbErr),
    /// The feed's stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl OpenError {
    /// What the process ends with: 2 where what is set cannot be used, else 1.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Database(error) => error.code(),
            Self::Seed(_) | Self::Stream(_) => ExitCode::FAILURE,
        }
    }
}

/// Opens the store of the settings; its companions run until the process ends.
pub async fn open(
    settings: &Settings,
    first: &Seed,
    clock: SharedClock,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Store, OpenError> {
    let database = Database::connect(&settings.database, settings.program).await?;
    shutdown.spawn_companion("probe", endless(health.clone().probe(database.clone())));
    if settings.database.migrate {
        database.migrate().await?;
    } else {
        database.migrated().await;
    }
    let mut store = Store::new(database, clock);
    seed(&store, first).await.map_err(OpenError::Seed)?;
    health.migrated();
    let mut bells: &'static [Bell] = &Bell::ALL;
    if let Some(url) = &settings.feed.stream {
        let stream = FeedStream::connect(url, settings.retention.feed).await?;
        tracing::info!("the feed's stream is {url}");
        store = store.followed_through(stream.clone());
        shutdown.spawn_companion("relay", endless(relay_feed(store.clone(), stream)));
        if settings.program == Program::Api {
            // The stream wakes it; the database is spared waking every `api` for each batch.
            bells = &[Bell::Request];
        }
    }
    shutdown.spawn_companion("notifications", notifications(store.clone(), bells));
    Ok(store)
}

async fn notifications(store: Store, bells: &'static [Bell]) -> Result<(), Infallible> {
    relay_notifications(store, bells).await;
    // There is nothing to relay on SQLite, and companions never end by themselves.
    std::future::pending().await
}

async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}
