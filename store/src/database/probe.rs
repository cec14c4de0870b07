//! Signs of life.
//!
//! One invariant: they are asked for over a connection of its own, so that a busy pool does not look like a dead
//! database. What a session may do it was told when it began: so when a database can be written again that was only to
//! be read, as the probe's newest session says, the sessions of before are [outdated](Sessions::are_outdated).

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tokio::time::Instant;

use super::DatabaseKind;
use crate::Error;

/// Whether a session of PostgreSQL writes unless it is told otherwise, and whether the database has no tables of ours. It
/// waits for no lock.
const ASKED: &str = "SELECT current_setting('default_transaction_read_only') = 'off' AS writes, \
                     to_regclass('seaql_migrations') IS NULL AS bare";

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) connection: DatabaseConnection,
    pub(super) kind: DatabaseKind,
    pub(super) sessions: Sessions,
    /// Whether the database had nothing of ours when it was last asked.
    bare: Arc<AtomicBool>,
}

impl Probe {
    pub(super) fn new(
        connection: DatabaseConnection,
        kind: DatabaseKind,
        sessions: Sessions,
    ) -> Self {
        Self {
            connection,
            kind,
            sessions,
            bare: Arc::default(),
        }
    }

    /// Whether the database had nothing of ours when it was last asked.
    pub(super) fn is_bare(&self) -> bool {
        self.bare.load(Ordering::Relaxed)
    }

    /// Waits for a sign of life.
    pub(super) async fn ask(&self) -> Result<(), Error> {
        if self.kind == DatabaseKind::Sqlite {
            return Ok(self
                .connection
                .execute_unprepared("SELECT 1")
                .await
                .map(drop)?);
        }
        let backend = self.connection.get_database_backend();
        let asked = Statement::from_string(backend, ASKED);
        if let Some(row) = self.connection.query_one_raw(asked).await? {
            self.sessions.note(row.try_get("", "writes")?);
            self.bare.store(row.try_get("", "bare")?, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What is known of the sessions of a server; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Whether the newest could only read.
    only_read: bool,
    /// When one could write after one that could not.
    renewed: Option<Instant>,
}

impl Sessions {
    /// Whether the newest could only read. Then the next may be able to do more.
    pub(super) fn only_read(&self) -> bool {
        self.known().only_read
    }

    /// Whether those that began at `at` may lack what a new one would be given.
    pub(super) fn are_outdated(&self, at: Option<Instant>) -> bool {
        let renewed = self.known().renewed;
        renewed.is_some_and(|renewed| at.is_none_or(|at| at < renewed))
    }

    fn note(&self, writes: bool) {
        let mut known = self.known();
        if std::mem::replace(&mut known.only_read, !writes) && writes {
            known.renewed = Some(Instant::now());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
