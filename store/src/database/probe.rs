//! Health checks of the database.
//!
//! On PostgreSQL a check also finds out whether its session is read-only. If the session of one
//! check is read-only and that of a later one is not, all sessions opened in between or before are
//! [stale](Sessions::are_stale): they stay read-only and have to be replaced.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use tokio::time::Instant;

use super::DatabaseKind;
use crate::Error;

/// Returns whether the session can write, and whether our tables are missing. Waits for no lock.
const QUERY: &str = "SELECT current_setting('default_transaction_read_only') = 'off' AS writes, \
                     to_regclass('seaql_migrations') IS NULL AS uninitialized";

/// Checks a database over a dedicated connection.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub(super) connection: DatabaseConnection,
    pub(super) kind: DatabaseKind,
    pub(super) sessions: Sessions,
    /// Whether our tables were missing at the last check.
    uninitialized: Arc<AtomicBool>,
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
            uninitialized: Arc::default(),
        }
    }

    /// Whether our tables were missing at the last check.
    pub(super) fn is_uninitialized(&self) -> bool {
        self.uninitialized.load(Ordering::Relaxed)
    }

    /// Queries the database.
    pub(super) async fn check(&self) -> Result<(), Error> {
        if self.kind == DatabaseKind::Sqlite {
            return Ok(self
                .connection
                .execute_unprepared("SELECT 1")
                .await
                .map(drop)?);
        }
        let backend = self.connection.get_database_backend();
        let query = Statement::from_string(backend, QUERY);
        if let Some(row) = self.connection.query_one_raw(query).await? {
            self.sessions.record(row.try_get("", "writes")?);
            self.uninitialized
                .store(row.try_get("", "uninitialized")?, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Which sessions of a server are stale. Clones share the state.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(Arc<Mutex<SessionState>>);

#[derive(Debug, Default)]
struct SessionState {
    /// Whether the session of the last check was read-only.
    is_read_only: bool,
    /// When a session could write after one that could not.
    writable_since: Option<Instant>,
}

impl Sessions {
    /// Whether the session of the last check was read-only.
    pub(super) fn is_read_only(&self) -> bool {
        self.state().is_read_only
    }

    /// Whether sessions opened at `opened_at` may still be read-only although new ones are not.
    pub(super) fn are_stale(&self, opened_at: Option<Instant>) -> bool {
        let since = self.state().writable_since;
        since.is_some_and(|since| opened_at.is_none_or(|at| at < since))
    }

    fn record(&self, writes: bool) {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_read_only, !writes) && writes {
            state.writable_since = Some(Instant::now());
        }
    }

    fn state(&self) -> MutexGuard<'_, SessionState> {
        self.0.lock()
    }
}
