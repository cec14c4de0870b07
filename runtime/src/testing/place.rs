//! Where a throwaway database is.
//!
//! One invariant: a place is removed when it is dropped: the file at once, the server's database with the next one
//! that is made, or with the server.

use std::time::Duration;

use tempfile::TempDir;

use super::cluster::{self, ServerDatabase};
use crate::{
    config::{DatabaseSettings, DatabaseUrl, Program},
    database::Database,
};

/// A database that a test may use, not connected: for tests that start processes.
#[derive(Debug)]
pub struct TestPlace {
    url: String,
    _guard: Guard,
}

/// What keeps the place.
#[derive(Debug)]
enum Guard {
    Folder { _folder: TempDir },
    Server { _database: ServerDatabase },
    Nothing,
}

impl TestPlace {
    /// A SQLite file that does not exist yet, in a folder of its own.
    pub fn sqlite() -> Self {
        let folder = cluster::folder();
        Self {
            url: format!(
                "sqlite://{}?mode=rwc",
                folder.path().join("stocks.db").display()
            ),
            _guard: Guard::Folder { _folder: folder },
        }
    }

    /// An empty PostgreSQL database.
    pub async fn postgres() -> Self {
        Self::of(ServerDatabase::create("template0").await)
    }

    /// A PostgreSQL database in its newest shape.
    pub async fn migrated_postgres() -> Self {
        Self::of(ServerDatabase::create(cluster::MIGRATED).await)
    }

    /// A place that somebody else keeps, such as behind a [`Cable`](super::Cable).
    pub fn at(url: String) -> Self {
        Self {
            url,
            _guard: Guard::Nothing,
        }
    }

    fn of(database: ServerDatabase) -> Self {
        Self {
            url: database.url(),
            _guard: Guard::Server {
                _database: database,
            },
        }
    }

    /// What `DATABASE_URL` would be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Settings that name it.
    pub fn settings(&self) -> DatabaseSettings {
        settings(&self.url)
    }

    /// Connects, as a process would. A SQLite file can be connected to once.
    pub async fn connect(&self) -> Database {
        connect(&self.settings()).await
    }

    /// Connects to what a URL names, such as the way through a [`Cable`](super::Cable).
    pub async fn connect_to(url: &str) -> Database {
        connect(&settings(url)).await
    }
}

fn settings(url: &str) -> DatabaseSettings {
    DatabaseSettings {
        url: DatabaseUrl::parse(url).expect("a URL"),
        migrate: true,
        wait: Duration::from_secs(10),
        statement_time: None,
    }
}

async fn connect(settings: &DatabaseSettings) -> Database {
    Database::connect(settings, Program::Api)
        .await
        .expect("it connects")
}
