//! Bringing the database to the newest shape.
//!
//! One invariant: a migration is applied once and wholly, however many processes start at once and whenever one of
//! them is killed: all of them are one transaction under one lock.

use std::time::Duration;

use migration::Migrator;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTrait;

use super::{Database, DatabaseError, DatabaseKind};

/// The advisory lock of whoever migrates: "stkmigra" in ASCII.
const LOCK: i64 = 0x7374_6b6d_6967_7261;
/// How often a process that does not migrate looks whether somebody else has.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Database {
    /// Applies what is missing.
    ///
    /// # Errors
    ///
    /// If a migration fails, or the database is newer than this program.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        self.try_migrate().await.map_err(DatabaseError::Migrate)
    }

    async fn try_migrate(&self) -> Result<(), DbErr> {
        let transaction = self.begin_write().await?;
        if self.kind == DatabaseKind::Postgres {
            // However long the others take, and what is to be done here.
            let lock =
                format!("SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({LOCK})");
            transaction.execute_unprepared(&lock).await?;
        }
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// Whether nothing is missing.
    pub async fn is_migrated(&self) -> Result<bool, DbErr> {
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
                        "waiting for somebody to migrate the database, as MIGRATE=false"
                    );
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot tell whether the database is migrated");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
