//! The GraphQL type `Status`: the state of the server, its database, feed and providers.

use std::time::Duration;

use async_graphql::{Context, Object, Result, SimpleObject};
use entity::{Position, table::provider};

use crate::graphql::{
    context::service,
    enums::{BudgetWindow, DatabaseKind, ProviderState},
    scalar::{Cursor, DateTime},
};
use crate::service::SystemStatus;

/// The GraphQL type `Status`.
pub(crate) struct StatusObject(pub(in crate::graphql) SystemStatus);

/// The state of the server, its database, its feed, its providers and the market.
#[Object(name = "Status")]
impl StatusObject {
    /// The version of the server.
    async fn version(&self) -> &str {
        self.0.build.version
    }

    /// The commit that the server was built from, if known.
    async fn revision(&self) -> Option<&str> {
        self.0.build.revision
    }

    /// The time at which this process started.
    async fn started_at(&self) -> DateTime {
        DateTime(self.0.build.started_at)
    }

    /// The state of the database.
    async fn database(&self) -> DatabaseStatus {
        DatabaseStatus {
            kind: self.0.database.into(),
            up: self.0.database_up,
        }
    }

    /// The state of the feed of events.
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

    /// The market-data providers, in the order in which they are polled.
    async fn providers(&self) -> Vec<ProviderObject> {
        self.0
            .providers
            .iter()
            .flatten()
            .cloned()
            .map(ProviderObject)
            .collect()
    }

    /// The trading hours of the market.
    async fn market(&self) -> MarketStatus {
        MarketStatus {
            open: self.0.market.is_open(self.0.now),
            next_open: self.0.market.next_open(self.0.now).map(DateTime),
            next_close: self.0.market.next_close(self.0.now).map(DateTime),
        }
    }
}

/// The state of the database.
#[derive(SimpleObject)]
pub(crate) struct DatabaseStatus {
    /// The kind of database.
    kind: DatabaseKind,
    /// Whether the database is available.
    up: bool,
}

/// The state of the feed of events, as read by this process.
#[derive(SimpleObject)]
pub(crate) struct FeedStatus {
    /// The last position that this process has read. A subscription can resume after it.
    position: Cursor,
    /// The delay of the last entry between being stored and being read by this process, in seconds.
    /// While the feed cannot be read, the time since it was last read.
    lag_seconds: f64,
    /// The number of subscriptions and WebSocket connections that this process serves from the
    /// feed.
    subscribers: i32,
}

/// The trading hours of the United States stock market. If the setting `MARKET_HOURS` is `always`,
/// the market never closes.
#[derive(SimpleObject)]
pub(crate) struct MarketStatus {
    /// Whether the regular session is open.
    open: bool,
    /// The time at which the next session opens. Null if the market never closes.
    next_open: Option<DateTime>,
    /// The time at which the current or next session closes. Null if the market never closes.
    next_close: Option<DateTime>,
}

/// The GraphQL type `ProviderStatus`.
pub(crate) struct ProviderObject(provider::Model);

/// The state of a market-data provider.
#[Object(name = "ProviderStatus")]
impl ProviderObject {
    /// The name of the provider, as used in the setting `PROVIDER`.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The state of the provider.
    async fn state(&self) -> ProviderState {
        self.0.state.into()
    }

    /// The planned time between two polls of a symbol, in seconds. Longer than `UPDATE_INTERVAL` if
    /// the budget requires it; null if no polls are planned.
    async fn effective_interval(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "2^53 microseconds are 285 years"
        )]
        self.0.effective_interval.map(|micros| micros as f64 / 1e6)
    }

    /// The request budgets of the provider.
    async fn budgets(&self, ctx: &Context<'_>) -> Result<Vec<ProviderBudget>> {
        let row = &self.0;
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let mut budgets = Vec::new();
        for (window, length, limit) in [
            (BudgetWindow::Second, second, row.per_second),
            (BudgetWindow::Minute, minute, row.per_minute),
        ] {
            let Some(limit) = limit else { continue };
            let requests = service(ctx)?.requests(&row.name, length).await?;
            let used = i32::try_from(requests.used()).unwrap_or(i32::MAX);
            let resets_at = requests.first_leaves().map(DateTime);
            budgets.push(ProviderBudget::new(window, limit, used, resets_at));
        }
        if let Some(limit) = row.per_day {
            let resets_at = row.day_resets_at.map(DateTime);
            let day = ProviderBudget::new(BudgetWindow::Day, limit, row.day_used, resets_at);
            budgets.push(day);
        }
        Ok(budgets)
    }

    /// What the plan of the provider allows. Null if there are no conditions.
    async fn terms(&self) -> Option<&str> {
        self.0.terms.as_deref()
    }

    /// The time since which the provider has its state. Null if it is not known.
    async fn since(&self) -> Option<DateTime> {
        self.0.since.map(DateTime)
    }

    /// Readable text about the provider, such as the reason for its state. Null if none is needed.
    async fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }
}

/// A limit on the number of requests to a provider within a time window.
#[derive(SimpleObject)]
#[graphql(name = "Budget")]
pub(crate) struct ProviderBudget {
    /// The time window that the limit applies to.
    window: BudgetWindow,
    /// The maximum number of requests in the window.
    limit: i32,
    /// The number of requests sent in the current window.
    used: i32,
    /// The number of requests left in the current window.
    left: i32,
    /// The time at which used requests become available again. Null if none are used.
    resets_at: Option<DateTime>,
}

impl ProviderBudget {
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
