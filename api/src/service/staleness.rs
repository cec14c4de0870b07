//! Tells whether a stock's price is as fresh as it should be.
//!
//! One invariant: nothing is called fresh on hope: without a recent enough answer of a provider, while its market is
//! open, a stock is stale.

use std::{collections::HashMap, sync::Arc, time::Duration};

use entity::{
    Stock, Timestamp,
    table::{provider, stock},
};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use tokio::sync::Mutex;
use tracker::{market::Market, schedule::is_stale};

use super::{Error, Service};

/// How long a look at the tables serves.
const LOOK: Duration = Duration::from_secs(1);

/// What freshness is measured with, at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Staleness {
    now: Timestamp,
    /// What was seen; nothing while the database is away.
    seen: Option<Seen>,
}

/// What the tables say.
#[derive(Clone, Debug)]
struct Seen {
    /// Between two polls; `None` while nothing is expected.
    interval: Option<Duration>,
    /// Whose hours count; a replay keeps none.
    market: Market,
    /// When the tracked stocks were last answered for, which the feed does not tell of repeated quotes.
    answered: Arc<HashMap<i64, Timestamp>>,
}

impl Staleness {
    /// Whether a provider should have answered for `stock` since it did. Nobody knows while the database is away.
    pub(crate) fn of(&self, stock: &Stock) -> bool {
        let Some(seen) = &self.seen else { return true };
        let answered = seen.answered.get(&stock.id).copied();
        let answered = answered.filter(|at| *at >= stock.tracked_at);
        // The later one; not one that a clock noted which ran ahead.
        let noted = answered.into_iter().chain(stock.answered_at);
        let answered = noted.min_by_key(|at| self.now.distance(*at));
        is_stale(answered, seen.interval, seen.market, self.now)
    }
}

/// Looks at the tables once a second at the most.
#[derive(Clone, Default)]
pub(super) struct Sampler(Arc<Mutex<Option<(Timestamp, Seen)>>>);

impl Service {
    /// What freshness is measured with now.
    pub(crate) async fn staleness(&self) -> Result<Staleness, Error> {
        let now = self.store.clock.now();
        if self.silence().is_some() {
            return Ok(Staleness { now, seen: None });
        }
        let mut sample = self.staleness.0.lock().await;
        if let Some((at, seen)) = &*sample
            && now.since(*at) < LOOK
            && now >= *at
        {
            let seen = Some(seen.clone());
            return Ok(Staleness { now, seen });
        }
        let connection = self.store.database.read();
        let seen = match self.read(|| look(connection, self.market)).await {
            Err(error) if error.is_outage() => None,
            looked => Some(looked?),
        };
        *sample = seen.clone().map(|seen| (now, seen));
        Ok(Staleness { now, seen })
    }
}

async fn look(connection: &DatabaseConnection, market: Market) -> Result<Seen, DbErr> {
    let providers = provider::Entity::find()
        .filter(provider::Column::Rank.is_not_null())
        .order_by_asc(provider::Column::Rank)
        .all(connection)
        .await?;
    let answered: Vec<(i64, Timestamp)> = stock::Entity::find()
        .select_only()
        .columns([stock::Column::Id, stock::Column::AnsweredAt])
        .filter(stock::Column::Tracked.eq(true))
        .filter(stock::Column::AnsweredAt.is_not_null())
        .into_tuple()
        .all(connection)
        .await?;
    let replayed = providers.iter().any(|row| row.name == "replay");
    let interval = providers.iter().find_map(|row| row.effective_interval);
    Ok(Seen {
        interval: interval
            .and_then(|micros| u64::try_from(micros).ok())
            .map(Duration::from_micros),
        market: if replayed { Market::Always } else { market },
        answered: Arc::new(answered.into_iter().collect()),
    })
}
