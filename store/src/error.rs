//! Database errors, classified by what a caller can do about them.
//!
//! This is the only place that knows the error codes of PostgreSQL (SQLSTATE) and SQLite.

use std::{borrow::Cow, sync::Arc, time::Duration};

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection broke or could not be opened. Another connection may work.
    #[error("lost the connection to the database")]
    Disconnected(#[source] DbErr),
    /// No response within the caller's timeout.
    #[error("the database did not respond within {0:?}")]
    Timeout(Duration),
    /// The session is read-only, as on a standby server. Another connection may be able to write.
    #[error("the database is read-only")]
    ReadOnly(#[source] DbErr),
    /// The database lacks a resource: connections, memory, or the lock of a SQLite file.
    #[error("the database is busy")]
    Busy(#[source] DbErr),
    /// The disk of the database is full.
    #[error("the database's disk is full")]
    DiskFull(#[source] DbErr),
    /// The database cannot read or write its files.
    #[error("the database failed to access its files")]
    Io(#[source] DbErr),
    /// The statement took longer than the statement timeout.
    #[error("the database canceled a statement that took too long")]
    Canceled(#[source] DbErr),
    /// The database rejected the statement, or returned a value of an unexpected type.
    #[error("a database statement failed")]
    Statement(#[source] DbErr),
    /// A row that must exist does not.
    #[error("the database has no {0}")]
    MissingRow(Cow<'static, str>),
    /// The events of a feed row cannot be parsed.
    #[error("row {seq} of the feed is malformed")]
    MalformedFeed {
        /// The position of the row.
        seq: i64,
        /// The error of the parser.
        source: serde_json::Error,
    },
    /// Events cannot be serialized.
    #[error("failed to serialize events")]
    Serialize(#[source] serde_json::Error),
    /// The [lease](crate::lease) is lost.
    #[error("the lease is lost: {0}")]
    LeaseLost(&'static str),
}

impl Error {
    /// The error for `tracing`, which logs it with its sources: `error = error.as_dyn()`.
    pub fn as_dyn(&self) -> &(dyn std::error::Error + 'static) {
        self
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        classify(&error)(error)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))).into()
    }
}

type Variant = fn(DbErr) -> Error;

/// The variants of SQLSTATEs, by the first prefix that matches
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
const SQLSTATES: [(&str, Variant); 7] = [
    // connection_exception
    ("08", Error::Disconnected),
    // read_only_sql_transaction
    ("25006", Error::ReadOnly),
    // disk_full
    ("53100", Error::DiskFull),
    // insufficient_resources
    ("53", Error::Busy),
    // query_canceled
    ("57014", Error::Canceled),
    // admin_shutdown, crash_shutdown, cannot_connect_now
    ("57P", Error::Disconnected),
    // io_error
    ("58030", Error::Io),
];

/// The variants of SQLite's primary result codes (<https://www.sqlite.org/rescode.html>).
const SQLITE_CODES: [(u32, Variant); 4] = [
    // SQLITE_BUSY
    (5, Error::Busy),
    // SQLITE_INTERRUPT
    (9, Error::Canceled),
    // SQLITE_IOERR
    (10, Error::Io),
    // SQLITE_FULL
    (13, Error::DiskFull),
];

/// Whether the server rejects the user or the password: `invalid_password`, or
/// `invalid_authorization_specification` (unknown role, no right to log in, no entry in
/// `pg_hba.conf`).
pub(crate) fn is_login_rejected(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some("28P01" | "28000"))
}

fn classify(error: &DbErr) -> Variant {
    let cause = match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause)) => cause,
        DbErr::Conn(_) => return Error::Disconnected,
        DbErr::ConnectionAcquire(_) => return Error::Busy,
        _ => return Error::Statement,
    };
    match cause.as_ref() {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Error::Disconnected,
        sqlx::Error::PoolTimedOut => Error::Busy,
        sqlx::Error::Database(error) => {
            let code = error.code();
            code.and_then(|code| classify_code(&code))
                .unwrap_or(Error::Statement)
        }
        _ => Error::Statement,
    }
}

/// Classifies a SQLSTATE, which has five characters, or a code of SQLite, which is shorter.
fn classify_code(code: &str) -> Option<Variant> {
    if code.len() == 5 {
        let known = SQLSTATES
            .iter()
            .find(|(prefix, _)| code.starts_with(prefix));
        return known.map(|(_, variant)| *variant);
    }
    // The low byte of an extended result code is the primary one.
    let primary = code.parse::<u32>().ok()? & 0xff;
    let known = SQLITE_CODES.iter().find(|(code, _)| *code == primary);
    known.map(|(_, variant)| *variant)
}

/// Fails an operation with [`Error::Timeout`] if it does not complete within `limit`. A connection
/// whose peer vanished never responds.
pub async fn with_timeout<T, E>(
    limit: Duration,
    operation: impl Future<Output = Result<T, E>>,
) -> Result<T, Error>
where
    Error: From<E>,
{
    match tokio::time::timeout(limit, operation).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::Timeout(limit)),
    }
}
