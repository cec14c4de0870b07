//! URLs of throwaway databases.
//!
//! A database is removed after its URL is dropped: a SQLite file immediately, a PostgreSQL database
//! when the next one is created or when the server stops.

use std::time::Duration;

use runtime::config::{DatabaseSettings, DatabaseUrl, Program};
use store::database::Database;
use tempfile::TempDir;

use crate::postgres::{self, ServerDatabase};

/// The URL of a database for one test, for tests that start processes.
#[derive(Debug)]
pub struct TestDatabaseUrl {
    url: String,
    _owner: Owner,
}

/// Removes the database on drop.
#[derive(Debug)]
enum Owner {
    Directory { _directory: TempDir },
    Server { _database: ServerDatabase },
    External,
}

impl TestDatabaseUrl {
    /// A SQLite file that does not exist yet, in a temporary directory.
    pub fn sqlite() -> Self {
        let directory = postgres::temporary_directory();
        Self {
            url: format!(
                "sqlite://{}?mode=rwc",
                directory.path().join("stocks.db").display()
            ),
            _owner: Owner::Directory {
                _directory: directory,
            },
        }
    }

    /// An empty PostgreSQL database.
    pub async fn postgres() -> Self {
        Self::on_server(ServerDatabase::create("template0").await)
    }

    /// A PostgreSQL database with the newest schema.
    pub async fn migrated_postgres() -> Self {
        Self::on_server(ServerDatabase::create(postgres::MIGRATED).await)
    }

    /// A database that something else owns, such as one behind a
    /// [`FaultProxy`](crate::FaultProxy).
    pub fn external(url: String) -> Self {
        Self {
            url,
            _owner: Owner::External,
        }
    }

    fn on_server(database: ServerDatabase) -> Self {
        Self {
            url: database.url(),
            _owner: Owner::Server {
                _database: database,
            },
        }
    }

    /// The value for `DATABASE_URL`.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Settings with this URL.
    pub fn settings(&self) -> DatabaseSettings {
        settings(&self.url)
    }

    /// Connects as a program does. A SQLite file accepts one connection pool at a time.
    pub async fn connect(&self) -> Database {
        connect(&self.settings()).await
    }

    /// Connects to a URL, such as one through a [`FaultProxy`](crate::FaultProxy).
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
        .expect("connect")
}
