//! The errors of the service, as clients see them.
//!
//! The texts and codes are for clients. The cause of a database error is only logged.

use std::borrow::Cow;

use runtime::health::MAX_SILENCE;
use store::Error as StoreError;

/// The reason of [`Error::CursorExpired`].
pub(crate) const CURSOR_EXPIRED: &str = "CURSOR_EXPIRED";
/// The message of an unavailable database.
const UNAVAILABLE: &str = "the database is unavailable";

/// An error of an operation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The requested object does not exist.
    #[error("{0}")]
    NotFound(String),
    /// An argument is invalid.
    #[error("{argument}: {reason}")]
    BadInput {
        /// The name of the argument, as the client wrote it.
        argument: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A subscription cannot resume from its cursor.
    #[error("after: {0}")]
    CursorExpired(&'static str),
    /// The operation requires the admin token.
    #[error("requires the admin token: Authorization: Bearer <ADMIN_TOKEN>")]
    Unauthenticated,
    /// The object cannot be changed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The provider's budget is exhausted.
    #[error("the provider's request limit is reached")]
    RateLimited {
        /// Seconds until a retry is useful.
        retry_after: u32,
    },
    /// A required component is unavailable.
    #[error("{reason}")]
    Unavailable {
        /// The component and its state.
        reason: Cow<'static, str>,
        /// Seconds until a retry is useful, if known.
        retry_after: Option<u32>,
        /// The cause for the log, if the component is the database.
        #[source]
        source: Option<StoreError>,
    },
    /// The database canceled a statement that took too long.
    #[error("the operation took too long")]
    TooSlow(#[source] StoreError),
    /// A defect.
    #[error("internal error")]
    Internal(#[source] StoreError),
}

impl Error {
    /// Seconds until a retry is useful during an outage.
    const OUTAGE_RETRY: u32 = 2;

    /// Creates the error of an invalid argument.
    pub(crate) fn bad_input(argument: &'static str, reason: impl Into<String>) -> Self {
        Self::BadInput {
            argument,
            reason: reason.into(),
        }
    }

    /// Creates the error of a component, other than the database, that is unavailable.
    pub(crate) fn unavailable(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
            source: None,
        }
    }

    /// Creates the error of a database that the health check found unavailable.
    pub(crate) fn away() -> Self {
        StoreError::Timeout(MAX_SILENCE).into()
    }

    /// Whether the database is unavailable for now.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable {
                source: Some(_),
                ..
            }
        )
    }

    /// Whether the connection is the cause: a retry on another one may succeed.
    pub(crate) fn is_cut_off(&self) -> bool {
        matches!(
            self.cause(),
            Some(StoreError::Disconnected(_) | StoreError::ReadOnly(_))
        )
    }

    /// The value of `extensions.code`.
    pub(crate) fn code(&self) -> &'static str {
        use transport::code;
        match self {
            Self::NotFound(_) => "NOT_FOUND",
            Self::BadInput { .. } | Self::CursorExpired(_) => code::BAD_USER_INPUT,
            Self::Unauthenticated => code::UNAUTHENTICATED,
            Self::Forbidden(_) => code::FORBIDDEN,
            Self::RateLimited { .. } => code::RATE_LIMITED,
            Self::Unavailable { .. } => code::UNAVAILABLE,
            Self::TooSlow(_) => code::TIMEOUT,
            Self::Internal(_) => code::INTERNAL,
        }
    }

    /// The value of `extensions.reason` in GraphQL and of `reason` in a problem document.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        matches!(self, Self::CursorExpired(_)).then_some(CURSOR_EXPIRED)
    }

    /// Seconds until a retry is useful.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after } => Some(*retry_after),
            Self::Unavailable { retry_after, .. } => {
                Some(retry_after.unwrap_or(Self::OUTAGE_RETRY))
            }
            Self::TooSlow(_) => Some(Self::OUTAGE_RETRY),
            _ => None,
        }
    }

    /// The cause of a database error, for the log only.
    pub(crate) fn cause(&self) -> Option<&StoreError> {
        match self {
            Self::Internal(cause) | Self::TooSlow(cause) => Some(cause),
            Self::Unavailable { source, .. } => source.as_ref(),
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(cause: StoreError) -> Self {
        let reason = match &cause {
            StoreError::Disconnected(_)
            | StoreError::Timeout(_)
            | StoreError::ReadOnly(_)
            | StoreError::Io(_) => UNAVAILABLE,
            StoreError::Busy(_) => "the database is too busy",
            StoreError::DiskFull(_) => "the database's disk is full",
            StoreError::Canceled(_) => return Self::TooSlow(cause),
            _ => return Self::Internal(cause),
        };
        Self::Unavailable {
            reason: reason.into(),
            retry_after: None,
            source: Some(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::TestDatabase;

    use super::*;

    async fn failure(database: &TestDatabase, sql: &str) -> Error {
        let result = database.execute(sql).await;
        result.expect_err("it fails").into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_and_a_terminated_session_are_outages_and_an_invalid_statement_is_a_defect()
    {
        let file = TestDatabase::sqlite().await;
        let limited = file.execute("PRAGMA max_page_count = 1").await;
        limited.expect("set");
        let large = "CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler";
        let full = failure(&file, large).await;
        assert!(full.is_outage() && !full.is_cut_off(), "{full:?}");
        assert_eq!(full.to_string(), "the database's disk is full");
        let server = TestDatabase::postgres().await;
        let ended = failure(&server, "SELECT pg_terminate_backend(pg_backend_pid())").await;
        assert!(ended.is_outage() && ended.is_cut_off(), "{ended:?}");
        for (code, message) in [
            ("53100", "the database's disk is full"),
            ("53300", "the database is too busy"),
            ("58030", UNAVAILABLE),
        ] {
            let raise = format!("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{code}'; END $$");
            let error = failure(&server, &raise).await;
            assert!(error.is_outage() && !error.is_cut_off(), "{error:?}");
            assert_eq!(error.to_string(), message);
        }
        for database in [&file, &server] {
            let defect = failure(database, "SELECT nothing FROM nowhere").await;
            assert_eq!(defect.code(), "INTERNAL", "{defect:?}");
        }
    }
}
