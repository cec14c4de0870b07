//! Wakes whoever waits for the database to change.
//!
//! One invariant: a ring says only "look"; it carries nothing, so that losing one costs at most the second until the
//! waiting side looks by itself.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::watch;

/// How long a listener waits before it looks by itself.
const LOOK: Duration = Duration::from_secs(1);

/// What there is to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bell {
    /// The feed has grown.
    Feed,
    /// Somebody asks the tracker for something, or it has answered.
    Request,
}

impl Bell {
    pub(crate) const ALL: [Self; 2] = [Self::Feed, Self::Request];

    /// The channel of PostgreSQL's NOTIFY.
    pub(super) const fn channel(self) -> &'static str {
        match self {
            Self::Feed => "stock_tracker_feed",
            Self::Request => "stock_tracker_request",
        }
    }
}

/// The bells of this process; other processes ring them through PostgreSQL.
#[derive(Clone, Debug)]
pub struct Doorbell {
    feed: watch::Sender<()>,
    request: watch::Sender<()>,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            feed: watch::Sender::new(()),
            request: watch::Sender::new(()),
        }
    }

    /// Wakes this process.
    pub fn ring(&self, bell: Bell) {
        self.sender(bell).send_replace(());
    }

    /// Wakes the other processes once the transaction of `connection` commits. Nobody else writes to an SQLite file.
    pub async fn announce(connection: &impl ConnectionTrait, bell: Bell) -> Result<(), DbErr> {
        if connection.get_database_backend() == DbBackend::Postgres {
            let statement = Statement::from_sql_and_values(
                DbBackend::Postgres,
                "SELECT pg_notify($1, '')",
                [bell.channel().into()],
            );
            connection.query_one_raw(statement).await?;
        }
        Ok(())
    }

    /// Listens for a bell from now on.
    pub fn listen(&self, bell: Bell) -> Listening {
        Listening(self.sender(bell).subscribe())
    }

    fn sender(&self, bell: Bell) -> &watch::Sender<()> {
        match bell {
            Bell::Feed => &self.feed,
            Bell::Request => &self.request,
        }
    }
}

/// Somebody who waits for a bell.
#[derive(Debug)]
pub struct Listening(watch::Receiver<()>);

impl Listening {
    /// Waits for the bell, for a second at most: either way it is time to look.
    pub async fn rung(&mut self) {
        // An error says that the bell is gone; the second then paces the looks.
        if let Ok(Err(_)) = tokio::time::timeout(LOOK, self.0.changed()).await {
            tokio::time::sleep(LOOK).await;
        }
    }
}
