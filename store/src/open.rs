//! Opens the store at startup: waits for the database, migrates it, and seeds it if empty.
//!
//! The process is live from the beginning, and ready when all of this is done.

use std::{convert::Infallible, process::ExitCode};

use runtime::{
    clock::SharedClock,
    config::{Program, Settings},
    health::Health,
    lifecycle::Shutdown,
};

use crate::{
    Error, Seed, Store,
    database::{Database, DatabaseError},
    feed::{FeedStream, StreamError, Topic, relay_feed, relay_notifications},
    seed,
};

/// The error of opening a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database cannot be reached or migrated.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// An empty database cannot be seeded.
    #[error("cannot seed the empty database")]
    Seed(#[source] Error),
    /// The feed stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl OpenError {
    /// The exit code of the process: that of [`DatabaseError::exit_code`], otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Database(error) => error.exit_code(),
            Self::Seed(_) | Self::Stream(_) => ExitCode::FAILURE,
        }
    }
}

/// Opens the store. Its background tasks run until the process ends.
pub async fn open(
    settings: &Settings,
    first: &Seed,
    clock: SharedClock,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Store, OpenError> {
    let database = Database::connect(&settings.database, settings.program).await?;
    shutdown.spawn_background("probe", endless(health.clone().probe(database.clone())));
    shutdown.spawn_background("checkpoints", endless(database.clone().run_checkpoints()));
    if settings.database.migrate {
        database.migrate().await?;
    } else {
        database.wait_until_migrated().await;
    }
    let mut store = Store::new(database, clock);
    seed(&store, first).await.map_err(OpenError::Seed)?;
    health.migrated();
    let mut topics: &'static [Topic] = &Topic::ALL;
    if let Some(url) = &settings.feed.stream {
        let stream = FeedStream::connect(url, settings.retention.feed).await?;
        tracing::info!("using the feed stream at {url}");
        store = store.with_stream(stream.clone());
        shutdown.spawn_background("relay", endless(relay_feed(store.clone(), stream)));
        if settings.program == Program::Api {
            // Notified by the stream, so the database does not have to wake every `api` for each
            // batch.
            topics = &[Topic::Request, Topic::Response];
        }
    }
    shutdown.spawn_background("notifications", notifications(store.clone(), topics));
    Ok(store)
}

async fn notifications(store: Store, topics: &'static [Topic]) -> Result<(), Infallible> {
    relay_notifications(store, topics).await;
    // SQLite has no notifications, and background tasks must not end.
    std::future::pending().await
}

async fn endless(task: impl Future<Output = ()>) -> Result<(), Infallible> {
    task.await;
    Ok(())
}
