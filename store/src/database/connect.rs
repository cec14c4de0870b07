//! From settings to a connected database.

use runtime::config::{DatabaseSettings, DatabaseUrl, Program};

use super::{Database, DatabaseError, postgres, sqlite};

impl Database {
    /// Connects to the database that the settings name, waiting for it as long as they say. It is not migrated yet.
    ///
    /// # Errors
    ///
    /// One that names the database and no password.
    pub async fn connect(
        settings: &DatabaseSettings,
        program: Program,
    ) -> Result<Self, DatabaseError> {
        match &settings.url {
            DatabaseUrl::Postgres(url) => postgres::open(url, settings, program).await,
            DatabaseUrl::Sqlite(url) => sqlite::open(url, settings.statement_time).await,
        }
    }
}
