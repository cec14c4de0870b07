//! Asks the database for as long as it is there.
//!
//! One invariant: nobody waits for a database that is away: whoever asks is told as soon as that is known, which is
//! within 2 s of the last answer. A connection that breaks while the database is there is not the client's concern: what
//! only reads is asked again.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::{Instant, sleep};

use super::{Error, Service};

/// How long to wait before asking again, and for how long to ask.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(3));

impl Service {
    /// For how long what is held in memory may have been out of date: since the database went away, or the feed could
    /// not be read.
    pub(crate) fn staleness_age(&self) -> Option<Duration> {
        self.health.silence().or_else(|| self.hub.feed_stall())
    }

    /// What the database answers to a question that changes nothing.
    pub(super) async fn read<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        let (mut pause, patience) = AGAIN;
        let asked = Instant::now();
        loop {
            let error = match self.while_connected(ask()).await {
                Ok(answer) => {
                    self.health.database_answered();
                    return Ok(answer);
                }
                Err(error) if error.is_cut_off() && asked.elapsed() < patience => error,
                Err(error) => return Err(error),
            };
            tracing::debug!(cause = ?error.cause(), "asked again");
            tokio::select! {
                () = sleep(pause) => pause *= 2,
                () = self.health.database_lost() => return Err(error),
            }
        }
    }

    /// What the database answers, unless it is away.
    pub(super) async fn while_connected<T>(
        &self,
        asking: impl Future<Output = Result<T, DbErr>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.health.database_lost() => Err(Error::away()),
            answer = asking => Ok(answer?),
        }
    }
}
