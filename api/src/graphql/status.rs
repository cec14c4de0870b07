//! The status.

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::Position;

use super::{
    kind::{BudgetWindow, DatabaseKind, ProviderState},
    scalar::{Cursor, DateTime},
    service,
};
use crate::service::{ProviderStatus, Status};

/// How everything is.
pub(crate) struct StatusObject(pub(super) Status);

/// How everything is.
#[Object(name = "Status")]
impl StatusObject {
    /// The program's version.
    async fn version(&self) -> &str {
        self.0.build.version
    }

    /// The commit that it was built from, if the build was told.
    async fn revision(&self) -> Option<&str> {
        self.0.build.revision
    }

    /// When this process started.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.build.started_at)
    }

    /// The database.
    async fn database(&self) -> DatabaseStatus {
        DatabaseStatus {
            kind: self.0.database.into(),
            up: self.0.database_up,
        }
    }

    /// The feed.
    async fn feed(&self, ctx: &Context<'_>) -> Result<FeedStatus> {
        let hub = service(ctx)?.hub();
        let Position {
            seq, recorded_at, ..
        } = hub.position();
        Ok(FeedStatus {
            position: Cursor(service(ctx)?.cursor(seq, recorded_at)),
            lag_seconds: hub.lag().as_secs_f64(),
            subscribers: i32::try_from(hub.readers()).unwrap_or(i32::MAX),
        })
    }

    /// The providers, in the order in which they are asked.
    async fn providers(&self) -> Vec<ProviderObject> {
        self.0
            .providers
            .iter()
            .flatten()
            .cloned()
            .map(ProviderObject)
            .collect()
    }

    /// The market whose hours are kept.
    async fn market(&self) -> MarketStatus {
        MarketStatus {
            open: self.0.market.is_open(self.0.now),
            next_open: self.0.market.next_open(self.0.now).map(DateTime),
            next_close: self.0.market.next_close(self.0.now).map(DateTime),
        }
    }
}

/// The database.
#[derive(SimpleObject)]
pub(crate) struct DatabaseStatus {
    /// What kind it is.
    kind: DatabaseKind,
    /// Whether it answered just now.
    up: bool,
}

/// The feed, as far as this process has read it.
#[derive(SimpleObject)]
pub(crate) struct FeedStatus {
    /// Where it ends; a subscription can resume after it.
    position: Cursor,
    /// Seconds between the last entry's recording and its arrival here, or for which the feed could not be read.
    lag_seconds: f64,
    /// How many subscriptions and sockets follow it here.
    subscribers: i32,
}

/// The market.
#[derive(SimpleObject)]
pub(crate) struct MarketStatus {
    /// Whether a session is open.
    open: bool,
    /// When the next session opens; null if it always is open.
    next_open: Option<DateTime>,
    /// When the session closes, or the next one; null if it never does.
    next_close: Option<DateTime>,
}

/// A provider.
pub(crate) struct ProviderObject(ProviderStatus);

/// A provider of market data.
#[Object(name = "ProviderStatus")]
impl ProviderObject {
    /// Its name, as in the setting `PROVIDER`.
    async fn name(&self) -> &str {
        &self.0.row.name
    }

    /// How it is doing.
    async fn state(&self) -> ProviderState {
        self.0.row.state.into()
    }

    /// Seconds between two polls of a symbol, as planned within the budget; null if none are planned.
    async fn effective_interval(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "2^53 microseconds are 285 years"
        )]
        self.0
            .row
            .effective_interval
            .map(|micros| micros as f64 / 1e6)
    }

    /// Its budgets.
    async fn budgets(&self) -> Vec<Budget> {
        let row = &self.0.row;
        let (used, resets_at) = self.0.minute;
        let minute = row.per_minute.map(|limit| {
            let used = i32::try_from(used).unwrap_or(i32::MAX);
            Budget::new(BudgetWindow::Minute, limit, used, resets_at.map(DateTime))
        });
        let day = row.per_day.map(|limit| {
            Budget::new(
                BudgetWindow::Day,
                limit,
                row.day_used,
                row.day_resets_at.map(DateTime),
            )
        });
        minute.into_iter().chain(day).collect()
    }

    /// What else there is to say, for people.
    async fn note(&self) -> Option<&str> {
        self.0.row.note.as_deref()
    }
}

/// A budget of requests to a provider.
#[derive(SimpleObject)]
pub(crate) struct Budget {
    /// The time that it is for.
    window: BudgetWindow,
    /// How many requests may be sent in it.
    limit: i32,
    /// How many were.
    used: i32,
    /// How many are left.
    left: i32,
    /// When some are given back, if any were used.
    resets_at: Option<DateTime>,
}

impl Budget {
    fn new(window: BudgetWindow, limit: i32, used: i32, resets_at: Option<DateTime>) -> Self {
        Self {
            window,
            limit,
            used,
            left: limit.saturating_sub(used).max(0),
            resets_at,
        }
    }
}
