//! Applies database migrations.
//!
//! All pending migrations run in one transaction under one lock, so each is applied exactly once,
//! however many processes start at the same time and even if one is killed. A database that was
//! migrated by a newer version is used as it is, because a rolling upgrade may start old processes.

use std::{collections::HashSet, time::Duration};

use migration::Migrator;
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};

use super::{Database, DatabaseError, DatabaseKind};
use crate::Error;

/// The key of the advisory lock: "stkmigra" in ASCII.
const LOCK: i64 = 0x7374_6b6d_6967_7261;
/// How often [`Database::wait_until_migrated`] checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

impl Database {
    /// Applies the pending migrations.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.try_migrate().await.map_err(DatabaseError::Migrate)
    }

    async fn try_migrate(&self) -> Result<(), Error> {
        // The database may be read-only, so nothing is written unless a migration is pending.
        if self.is_migrated().await? {
            return Ok(());
        }
        let transaction = self.begin_write().await?;
        if self.kind == DatabaseKind::Postgres {
            // Another process may hold the lock for long, and a migration may take long.
            let lock =
                format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        if !is_newer(&transaction).await? {
            Migrator::up(&transaction, None).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Whether no migration is pending.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        if is_newer(&self.read).await? {
            tracing::warn!("the database was migrated by a newer version");
            return Ok(true);
        }
        let pending = Migrator::get_pending_migrations_read_only(&self.read).await?;
        Ok(pending.is_empty())
    }

    /// Waits until another process has migrated the database, for `MIGRATE=false`.
    pub async fn wait_until_migrated(&self) {
        let mut logged = false;
        loop {
            match self.is_migrated().await {
                Ok(true) => return,
                Ok(false) if logged => {}
                Ok(false) => {
                    logged = true;
                    tracing::info!(
                        "waiting for another process to migrate the database, because MIGRATE=false; if it is \
                         migrated, this role may lack the right to read it"
                    );
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.as_dyn(),
                        "failed to check whether the database is migrated"
                    );
                }
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }
}

/// Whether all migrations of this version are applied, and others as well.
async fn is_newer<'c, C>(connection: &'c C) -> Result<bool, Error>
where
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    const APPLIED: &str = "seaql_migrations";
    if !SchemaManager::new(connection).has_table(APPLIED).await? {
        return Ok(false);
    }
    let sql = format!("SELECT version FROM {APPLIED}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await?;
    let applied = rows.iter().map(|row| row.try_get_by_index(0));
    let applied: HashSet<String> = applied.collect::<Result<_, _>>()?;
    let known = Migrator::migrations();
    let has_all = known.iter().all(|it| applied.contains(it.name()));
    Ok(has_all && applied.len() > known.len())
}
