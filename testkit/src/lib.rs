//! Test support: throwaway databases and servers, injected faults, seeded randomness, an
//! oracle of events, and a naive evaluator of alert rules.
//!
//! Only tests and benchmarks depend on this crate. A server that a test starts, and the server's
//! files, are removed when the test process ends, even if it is killed.

mod database_url;
mod disk;
mod fault_proxy;
mod naive_rules;
mod nats;
pub mod oracle;
mod postgres;
pub mod sample_rows;
mod seeded_random;
mod stream_server;

use std::{ops::Deref, path::Path};

use runtime::config::{DatabaseSettings, Loaded, Program, Settings};
use sea_orm::ConnectionTrait;
use store::database::Database;

pub use self::{
    database_url::TestDatabaseUrl,
    disk::TestDisk,
    fault_proxy::{FaultProxy, NetworkFault},
    naive_rules::NaiveRules,
    nats::TestNats,
    postgres::server::{Stop, TestServer},
    seeded_random::SeededRandom,
    stream_server::{StreamBehavior, StreamDialect, StreamServer, stream_connection},
};

/// A connected database for one test, with the newest schema.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    url: TestDatabaseUrl,
}

impl TestDatabase {
    /// Creates a SQLite file in a temporary directory, which is removed on drop.
    pub async fn sqlite() -> Self {
        let database = Self::connect(TestDatabaseUrl::sqlite()).await;
        database.migrate().await.expect("migrate");
        database
    }

    /// Creates a database on the PostgreSQL server that this process's tests share. The first
    /// call starts the server.
    ///
    /// # Panics
    ///
    /// If PostgreSQL's programs are not installed.
    pub async fn postgres() -> Self {
        Self::connect(TestDatabaseUrl::migrated_postgres().await).await
    }

    /// Connects to a database as it is, migrated or not.
    pub async fn connect(url: TestDatabaseUrl) -> Self {
        Self {
            database: url.connect().await,
            url,
        }
    }

    /// Executes a statement that returns no rows.
    pub async fn execute(&self, sql: &str) -> Result<(), store::Error> {
        self.write().execute_unprepared(sql).await?;
        Ok(())
    }

    /// Copies a SQLite database to a new file.
    ///
    /// # Panics
    ///
    /// If the file cannot be written.
    pub async fn copy_to(&self, file: &Path) {
        let copy = format!("VACUUM INTO '{}'", file.display());
        let copied = self.execute(&copy).await;
        copied.expect("the file can be written");
    }

    /// The URL, for settings and processes. A SQLite file is locked while this value lives.
    pub fn url(&self) -> &TestDatabaseUrl {
        &self.url
    }

    /// Settings with this database's URL.
    pub fn settings(&self) -> DatabaseSettings {
        self.url.settings()
    }
}

/// Returns the settings that a program loads when only `variables` are set.
///
/// # Panics
///
/// If a variable is invalid.
pub fn settings(program: Program, variables: &[(&str, &str)]) -> Settings {
    let env = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    match Settings::load(program, [], env, Path::new("/nonexistent/.env")) {
        Ok(Loaded::Run(settings)) => *settings,
        Ok(Loaded::Print(_)) => unreachable!("no argument requests help"),
        Err(error) => panic!("{error}"),
    }
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// Runs each test on SQLite and on PostgreSQL, each time on a new database.
///
/// ```text
/// testkit::on_both_databases! {
///     async fn a_quote_is_stored_exactly(database) {
///         let transaction = database.begin_write().await.expect("a transaction");
///     }
/// }
/// ```
///
/// defines the tests `a_quote_is_stored_exactly::on_sqlite` and
/// `a_quote_is_stored_exactly::on_postgresql`. `database` is a [`TestDatabase`]. The calling crate
/// needs tokio's `macros`.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($database: $crate::TestDatabase) $body

            // A module may have the same name as a function.
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name($crate::TestDatabase::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    super::$name($crate::TestDatabase::postgres().await).await;
                }
            }
        )+
    };
}
