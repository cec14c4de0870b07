//! Throwaway databases for tests (feature `test-database`).
//!
//! One invariant: every test has a database of its own, and whatever becomes of the tests' process, even if it is
//! killed, its server and the server's files go with it. The tests of every crate that stores something call this, through
//! [`on_both_databases!`](crate::on_both_databases) where the promise holds on both.

mod cable;
mod cluster;
mod disk;
mod nats;
mod place;
mod program;
mod server;

use std::{ops::Deref, path::Path};

pub use cable::{Cable, Fault};
pub use disk::TestDisk;
pub use nats::TestNats;
pub use place::TestPlace;
pub use server::{Stop, TestServer};

use crate::{
    config::{DatabaseSettings, Loaded, Program, Settings},
    database::Database,
};

/// A database of this test's own, connected and in its newest shape.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    place: TestPlace,
}

impl TestDatabase {
    /// On a SQLite file in a folder that is removed with the answer.
    pub async fn sqlite() -> Self {
        let database = Self::at(TestPlace::sqlite()).await;
        database.migrate().await.expect("it migrates");
        database
    }

    /// On a PostgreSQL server that the tests of this process share; it is started by the first.
    ///
    /// # Panics
    ///
    /// If PostgreSQL's programs are not installed.
    pub async fn postgres() -> Self {
        Self::at(TestPlace::migrated_postgres().await).await
    }

    /// Connects to a place as it is, migrated or not.
    pub async fn at(place: TestPlace) -> Self {
        Self {
            database: place.connect().await,
            place,
        }
    }

    /// Where it is, for settings and processes. A SQLite file is taken while this is connected.
    pub fn place(&self) -> &TestPlace {
        &self.place
    }

    /// Settings that name it.
    pub fn settings(&self) -> DatabaseSettings {
        self.place.settings()
    }
}

/// Settings as if these variables were set and nothing else.
///
/// # Panics
///
/// If they are refused.
pub fn settings(program: Program, variables: &[(&str, &str)]) -> Settings {
    let env = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    match Settings::load(program, [], env, Path::new("/nonexistent/.env")) {
        Ok(Loaded::Run(settings)) => *settings,
        Ok(Loaded::Print(_)) => unreachable!("nobody asked for help"),
        Err(refusal) => panic!("{refusal}"),
    }
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

/// Runs each test on SQLite and on PostgreSQL, each time on a database of its own.
///
/// ```text
/// runtime::on_both_databases! {
///     async fn a_quote_is_stored_exactly(database) {
///         let transaction = database.begin_write().await.expect("a transaction");
///     }
/// }
/// ```
///
/// makes the tests `a_quote_is_stored_exactly::on_sqlite` and `a_quote_is_stored_exactly::on_postgresql`. `database`
/// is a [`TestDatabase`]. The calling crate needs tokio's `macros`.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            async fn $name($database: $crate::testing::TestDatabase) $body

            // A module may be named as a function is.
            mod $name {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    super::$name($crate::testing::TestDatabase::sqlite().await).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgresql() {
                    super::$name($crate::testing::TestDatabase::postgres().await).await;
                }
            }
        )+
    };
}
