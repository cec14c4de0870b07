//! What can go wrong for a client, and what of it the client may read.
//!
//! One invariant: an error's text is written here for clients; a cause from below (SQL, paths, addresses) is kept apart
//! and only ever logged.

use sea_orm::{DbErr, RuntimeErr, sqlx::Error as Sqlx};

/// The reason of a cursor that a subscription cannot resume from.
pub(crate) const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";
/// What is said of an outage.
const AWAY: &str = "the database is away";
/// What is said when it has nothing left to answer with.
const BUSY: &str = "the database is too busy";
/// What is said when it has no room left to store anything.
const FULL: &str = "the database's disk is full";

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// An argument is wrong.
    #[error("{argument}: {reason}")]
    BadInput {
        /// Which one, as the client wrote it.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A cursor cannot be resumed from.
    #[error("after: {0}")]
    CursorExpired(&'static str),
    /// It takes the admin token.
    #[error("this needs the admin token: Authorization: Bearer <ADMIN_TOKEN>")]
    Unauthenticated,
    /// The provider's budget is spent.
    #[error("no request to the provider is left for now")]
    RateLimited {
        /// Seconds until it is worth trying again.
        retry_after: u32,
    },
    /// What it takes is away for now.
    #[error("{reason}")]
    Unavailable {
        /// What is away.
        reason: &'static str,
        /// Why, for the log, if it is the database.
        #[source]
        source: Option<DbErr>,
    },
    /// The database gave it up, as it took too long.
    #[error("the operation took longer than it may")]
    TooSlow(#[source] DbErr),
    /// A defect.
    #[error("internal error")]
    Internal(#[source] DbErr),
}

impl Error {
    /// Seconds after which an outage is worth another try.
    const OUTAGE: u32 = 2;

    /// An argument is wrong.
    pub(crate) fn bad_input(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::BadInput {
            argument,
            reason: reason.into(),
        }
    }

    /// Something that is not the database is away for now.
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable {
            reason,
            source: None,
        }
    }

    /// The database is known to be away.
    pub(crate) fn away() -> Self {
        let unanswered = "it has not answered whether it is there".to_owned();
        Self::Unavailable {
            reason: AWAY,
            source: Some(DbErr::Custom(unanswered)),
        }
    }

    /// Whether it is because the database cannot do it now.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                source: Some(_),
                ..
            }
        )
    }

    /// Whether it is because a connection broke: another may do.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cause().is_some_and(is_cut_off)
    }

    /// The value of `extensions.code`.
    pub(crate) fn code(&self) -> &'static str {
        use transport::code;
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::BadInput { .. } | Self::CursorExpired(_) => code::BAD_USER_INPUT,
            Self::Unauthenticated => code::UNAUTHENTICATED,
            Self::RateLimited { .. } => code::RATE_LIMITED,
            Self::Unavailable { .. } => code::UNAVAILABLE,
            Self::TooSlow(_) => code::TIMEOUT,
            Self::Internal(_) => code::INTERNAL,
        }
    }

    /// The value of `extensions.reason`, and of `reason` in a problem, if there is one.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        matches!(self, Self::CursorExpired(_)).then_some(CURSOR_EXPIRED)
    }

    /// Seconds until another try makes sense.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Unavailable { .. } | Self::TooSlow(_) => Some(Self::OUTAGE),
            _ => None,
        }
    }

    /// What only the log may say.
    pub(crate) fn cause(&self) -> Option<&DbErr> {
        match self {
            Self::Internal(cause) | Self::TooSlow(cause) => Some(cause),
            Self::Unavailable { source, .. } => source.as_ref(),
            _ => None,
        }
    }
}

impl From<DbErr> for Error {
    fn from(cause: DbErr) -> Self {
        if let Some(reason) = outage(&cause) {
            Self::Unavailable {
                reason,
                source: Some(cause),
            }
        } else if is_cut(&cause) {
            Self::TooSlow(cause)
        } else {
            Self::Internal(cause)
        }
    }
}

/// Whether the database ended the statement, as its time was up: PostgreSQL's 57014, SQLite's INTERRUPT.
fn is_cut(error: &DbErr) -> bool {
    let code = match cause(error) {
        Some(Sqlx::Database(said)) => said.code(),
        _ => None,
    };
    code.is_some_and(|code| ["57014", "9"].contains(&&*code))
}

/// Why the database cannot be asked now; `None` if it refused something.
fn outage(error: &DbErr) -> Option<&'static str> {
    if is_cut_off(error) {
        return Some(AWAY);
    }
    match cause(error) {
        Some(Sqlx::PoolTimedOut) => Some(BUSY),
        Some(Sqlx::Database(said)) => want(&said.code()?),
        _ => matches!(error, DbErr::ConnectionAcquire(_)).then_some(BUSY),
    }
}

/// Whether a connection broke, or could not be made.
fn is_cut_off(error: &DbErr) -> bool {
    match cause(error) {
        Some(
            Sqlx::Io(_) | Sqlx::Protocol(_) | Sqlx::Tls(_) | Sqlx::PoolClosed | Sqlx::WorkerCrashed,
        ) => true,
        // 57P01 … 57P03: shut down, crashed, starting. 08: the connection broke. 25006: it became a standby.
        Some(Sqlx::Database(said)) => said.code().is_some_and(|code| {
            code.starts_with("57P") || code.starts_with("08") || code == "25006"
        }),
        Some(_) => false,
        None => matches!(error, DbErr::Conn(_)),
    }
}

/// What the database says that it has too little of: PostgreSQL's class 53 and its failed writes and reads of files;
/// SQLite's full, busy and failed files, which the low bytes of its codes tell.
fn want(code: &str) -> Option<&'static str> {
    let sqlite = || Some(code.parse::<u32>().ok()? & 0xff);
    match code {
        "53100" => Some(FULL),
        "58030" => Some(AWAY),
        _ if code.len() == 5 => code.starts_with("53").then_some(BUSY),
        _ => match sqlite()? {
            13 => Some(FULL),
            5 => Some(BUSY),
            10 => Some(AWAY),
            _ => None,
        },
    }
}

fn cause(error: &DbErr) -> Option<&Sqlx> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause)) => Some(cause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;
    use testkit::TestDatabase;

    use super::*;

    async fn refused(database: &TestDatabase, sql: &str) -> Error {
        let refused = database.write().execute_unprepared(sql).await;
        refused.expect_err("it is refused").into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_and_an_ended_session_are_outages_and_a_wrong_statement_is_a_defect() {
        let file = TestDatabase::sqlite().await;
        let limit = file.write().execute_unprepared("PRAGMA max_page_count = 1");
        limit.await.expect("it is set");
        let large = "CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler";
        let full = refused(&file, large).await;
        assert!(full.is_outage() && !full.is_cut_off(), "{full:?}");
        assert_eq!(full.to_string(), FULL);
        let server = TestDatabase::postgres().await;
        let ended = refused(&server, "SELECT pg_terminate_backend(pg_backend_pid())").await;
        assert!(ended.is_outage() && ended.is_cut_off(), "{ended:?}");
        for (code, said) in [("53100", FULL), ("53300", BUSY), ("58030", AWAY)] {
            let raise = format!("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{code}'; END $$");
            let wanting = refused(&server, &raise).await;
            assert!(wanting.is_outage() && !wanting.is_cut_off(), "{wanting:?}");
            assert_eq!(wanting.to_string(), said);
        }
        for database in [&file, &server] {
            let defect = refused(database, "SELECT nothing FROM nowhere").await;
            assert_eq!(defect.code(), "INTERNAL", "{defect:?}");
        }
    }
}
