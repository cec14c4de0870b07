//! Bringing the database to the newest shape.
//!
//! One invariant: a migration is applied once and wholly, however many processes start at once and whenever one of
//! them is killed: all of them are one transaction under one lock. A database that a newer program has brought further is
//! left as it is: a rolling upgrade has old processes start, too.

use std::{collections::HashSet, time::Duration};

use migration::Migrator;
use sea_orm::{ConnectionTrait, Statement};
use sea_orm_migration::{IntoSchemaManagerConnection, MigratorTrait, SchemaManager};

use super::{Database, DatabaseError, DatabaseKind};
use crate::Error;

/// The advisory lock of whoever migrates: "stkmigra" in ASCII.
const LOCK: i64 = 0x7374_6b6d_6967_7261;
/// How often a process that does not migrate looks whether somebody else has.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Database {
    /// Applies what is missing.
    ///
    /// # Errors
    ///
    /// If a migration fails.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.try_migrate().await.map_err(DatabaseError::Migrate)
    }

    async fn try_migrate(&self) -> Result<(), Error> {
        // Where nothing is missing nothing is written: it may be a database that is only to be read for now.
        if self.is_migrated().await? {
            return Ok(());
        }
        let transaction = self.begin_write().await?;
        if self.kind == DatabaseKind::Postgres {
            // However long the others take, and what is to be done here.
            let lock =
                format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        if !is_newer(&transaction).await? {
            Migrator::up(&transaction, None).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Whether nothing is missing.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        if is_newer(&self.read).await? {
            tracing::warn!(
                "a newer program has migrated the database; this one works with it as it is"
            );
            return Ok(true);
        }
        let pending = Migrator::get_pending_migrations_read_only(&self.read).await?;
        Ok(pending.is_empty())
    }

    /// Waits until somebody else has migrated: for a start with `MIGRATE=false`.
    pub async fn migrated(&self) {
        let mut told = false;
        loop {
            match self.is_migrated().await {
                Ok(true) => return,
                Ok(false) if told => {}
                Ok(false) => {
                    told = true;
                    tracing::info!(
                        "waiting for somebody to migrate the database, as MIGRATE=false; if somebody has, this role \
                         may not read it"
                    );
                }
                Err(error) => {
                    tracing::warn!(
                        error = error.as_dyn(),
                        "cannot tell whether the database is migrated"
                    );
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Whether a database has every migration that is known here, and more.
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
