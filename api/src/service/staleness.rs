//! Tells whether a stock's price is as fresh as it should be.
//!
//! One invariant: nothing is called fresh on hope: without a recent enough answer of a provider, while its market is
//! open, a stock is stale.

use std::{sync::Arc, time::Duration};

use entity::{Stock, Timestamp, table::provider};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use tokio::sync::Mutex;
use tracker::{market::Market, schedule::is_stale};

use super::{Error, Service};

/// How long a look at the providers serves.
const LOOK: Duration = Duration::from_secs(1);

/// What freshness is measured with, at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Staleness {
    now: Timestamp,
    /// Between two polls; `None` while nothing is expected.
    interval: Option<Duration>,
    /// Whose hours count; a replay keeps none.
    market: Market,
}

impl Staleness {
    /// Whether a provider should have answered for `stock` since it did.
    pub(crate) fn of(&self, stock: &Stock) -> bool {
        match self.interval {
            Some(interval) => is_stale(stock.answered_at, interval, self.market, self.now),
            None => stock.answered_at.is_none(),
        }
    }
}

/// Looks at the providers once a second at the most.
#[derive(Clone, Default)]
pub(super) struct Sampler(Arc<Mutex<Option<(Timestamp, Staleness)>>>);

impl Service {
    /// What freshness is measured with now.
    pub(crate) async fn staleness(&self) -> Result<Staleness, Error> {
        let now = self.store.clock.now();
        let mut sample = self.staleness.0.lock().await;
        if let Some((at, staleness)) = *sample
            && now.since(at) < LOOK
            && now >= at
        {
            return Ok(Staleness { now, ..staleness });
        }
        let providers = provider::Entity::find()
            .filter(provider::Column::Rank.is_not_null())
            .order_by_asc(provider::Column::Rank)
            .all(self.store.database.read())
            .await?;
        let replayed = providers.iter().any(|row| row.name == "replay");
        let market = if replayed {
            Market::Always
        } else {
            self.market
        };
        let interval = providers.iter().find_map(|row| row.effective_interval);
        let interval = interval
            .and_then(|micros| u64::try_from(micros).ok())
            .map(Duration::from_micros);
        let staleness = Staleness {
            now,
            interval,
            market,
        };
        *sample = Some((now, staleness));
        Ok(staleness)
    }
}
