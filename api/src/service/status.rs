//! What the process and the tracker are doing.

use std::time::Duration;

use entity::{
    ProviderState, Timestamp,
    table::{provider, provider_call},
};
use market::{Market, PollingHours};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
};
use store::database::DatabaseKind;
use tokio::time::timeout;

use super::Service;

/// How long a tracker may be silent before it counts as gone.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The window of a per-minute budget.
const MINUTE: Duration = Duration::from_mins(1);
/// What reading about providers may take: who asks how things are wants to know soon.
const SOON: Duration = Duration::from_secs(2);

/// Which program runs, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    /// The version, as in `Cargo.toml`.
    pub(crate) version: &'static str,
    /// The commit, if the build was told.
    pub(crate) revision: Option<&'static str>,
    /// When the process started.
    pub(crate) started_at: Timestamp,
}

/// What there is to say of everything.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    /// The program.
    pub(crate) build: Build,
    /// The database's kind.
    pub(crate) database: DatabaseKind,
    /// Whether the database answered just now.
    pub(crate) database_up: bool,
    /// For how long the feed could not be read, if it cannot.
    pub(crate) blindness: Option<Duration>,
    /// The providers, in the order in which they are asked; none if the database did not say in time.
    pub(crate) providers: Option<Vec<ProviderStatus>>,
    /// The market whose hours are kept; one that is always open if stocks are polled at any time.
    pub(crate) market: Market,
    /// The instant of all this.
    pub(crate) now: Timestamp,
}

/// How a provider is doing.
#[derive(Clone, Debug)]
pub(crate) struct ProviderStatus {
    /// What the tracker says.
    pub(crate) row: provider::Model,
    /// Requests of the last minute, and when the oldest of them no longer counts.
    pub(crate) minute: (u32, Option<Timestamp>),
}

impl Service {
    /// The status now. While the database is away or slow it says so, and nothing of providers.
    pub(crate) async fn status(&self) -> Status {
        let now = self.store.clock.now();
        let connection = self.store.database.read();
        let reading = timeout(SOON, self.read(|| providers(connection, now)));
        let providers = match reading.await {
            Ok(Ok(providers)) => Some(providers),
            Ok(Err(error)) => {
                tracing::debug!(cause = ?error.cause(), "no status of providers");
                None
            }
            Err(_) => None,
        };
        Status {
            build: self.build,
            database: self.store.database.kind(),
            database_up: self.health.silence().is_none(),
            blindness: self.hub.blindness(),
            providers,
            market: match self.hours {
                PollingHours::Market => Market::Us,
                PollingHours::Always => Market::Crypto,
            },
            now,
        }
    }
}

async fn providers(
    connection: &DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<ProviderStatus>, DbErr> {
    let rows = provider::Entity::find()
        .filter(provider::Column::Rank.is_not_null())
        .order_by_asc(provider::Column::Rank)
        .all(connection)
        .await?;
    let mut providers = Vec::with_capacity(rows.len());
    for row in rows {
        let recent = provider_call::Entity::find()
            .filter(provider_call::Column::Provider.eq(&row.name))
            .filter(provider_call::Column::SentAt.gt(now.before(MINUTE)));
        let oldest = recent
            .clone()
            .order_by_asc(provider_call::Column::SentAt)
            .one(connection)
            .await?
            .map(|call| call.sent_at.after(MINUTE));
        let used = recent.count(connection).await?;
        let minute = (u32::try_from(used).unwrap_or(u32::MAX), oldest);
        providers.push(ProviderStatus { row, minute });
    }
    Ok(providers)
}

impl Status {
    /// Whether a tracker is at work.
    pub(crate) fn is_tracked(&self) -> bool {
        self.untracked().is_none()
    }

    /// For how long no tracker was at work, which would say so every two seconds; `None` if one is.
    pub(crate) fn untracked(&self) -> Option<Duration> {
        let providers = self.providers.iter().flatten();
        let seen = providers.map(|it| it.row.updated_at).max();
        let silence = seen.map_or(Duration::MAX, |seen| self.now.since(seen));
        (silence > HEARTBEAT).then_some(silence)
    }
}

impl ProviderStatus {
    /// Whether it does what it is there for.
    pub(crate) fn is_well(&self) -> bool {
        matches!(
            self.row.state,
            ProviderState::Ok | ProviderState::Standby | ProviderState::RateLimited
        )
    }
}
