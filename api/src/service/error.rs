//! What can go wrong for a client, and what of it the client may read.
//!
//! One invariant: an error's text is written here for clients; a cause from below (SQL, paths, addresses) is kept apart
//! and only ever logged.

use sea_orm::{DbErr, RuntimeErr, sqlx::Error as Sqlx};

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
        /// Why, for the log.
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
        if is_outage(&cause) {
            Self::Unavailable {
                reason: "the database is away",
                source: Some(cause),
            }
        } else if is_cut(&cause) {
            Self::TooSlow(cause)
        } else {
            Self::Internal(cause)
        }
    }
}

/// Whether the database ended the statement, as its time was up: 57014.
fn is_cut(error: &DbErr) -> bool {
    matches!(cause(error), Some(Sqlx::Database(said)) if said.code().as_deref() == Some("57014"))
}

/// Whether the database cannot be reached, rather than having refused something.
fn is_outage(error: &DbErr) -> bool {
    if matches!(error, DbErr::Conn(_) | DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match cause(error) {
        Some(Sqlx::Io(_) | Sqlx::PoolTimedOut | Sqlx::PoolClosed | Sqlx::WorkerCrashed) => true,
        // 57P01 … 57P03: shut down, crashed, starting. 53300: too many connections.
        Some(Sqlx::Database(said)) => said
            .code()
            .is_some_and(|code| code.starts_with("57P") || code == "53300"),
        _ => false,
    }
}

fn cause(error: &DbErr) -> Option<&Sqlx> {
    match error {
        DbErr::Query(RuntimeErr::SqlxError(cause)) | DbErr::Exec(RuntimeErr::SqlxError(cause)) => {
            Some(cause)
        }
        _ => None,
    }
}
