//! How fresh a stock's price is, whether the stock is stale, and why.
//!
//! [`market`] has the rules. This module provides what they measure with: the board has the
//! newest prices, and a sample of the tables, taken once a second at most, has the rest. While the
//! database is away every stock is stale.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use chrono::NaiveDate;
use entity::{
    Price, Stock, Timestamp,
    table::{provider, stock},
};
use market::{
    Freshness, LastSessions, Market, PollingHours, QuoteStatus, StaleReason, StalenessContext,
};
use runtime::config::ProviderName;
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use tokio::sync::Mutex;

use super::{Error, Service};

/// The name of the replay in stored prices.
const REPLAY: &str = ProviderName::Replay.as_str();
/// How long a sample of the tables is used.
const LOOK: Duration = Duration::from_secs(1);

/// How fresh a stock's price is, and whether the stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// How old the newest price is.
    pub(crate) freshness: Freshness,
    /// Why the stock is stale; `None` if it is not.
    pub(crate) cause: Option<Cause>,
}

/// Why a stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The database cannot be read.
    DatabaseAway,
    /// The stock is no longer polled.
    Untracked,
    /// Its price, or the answers of its providers.
    Price(StaleReason),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DatabaseAway => write!(f, "the database is away"),
            Self::Untracked => write!(f, "no longer tracked"),
            Self::Price(reason) => reason.fmt(f),
        }
    }
}

/// What the condition of stocks is measured with at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Staleness {
    now: Timestamp,
    hours: PollingHours,
    /// The current day of a replay.
    newest_day: Option<NaiveDate>,
    /// The last sample; `None` while the database is away.
    sample: Option<Sample>,
}

/// What the tables had at an instant.
#[derive(Clone, Debug)]
struct Sample {
    taken_at: Timestamp,
    /// Between two polls; `None` while nothing is expected.
    interval: Option<Duration>,
    /// Whether a replay is the provider in use.
    replayed: bool,
    /// The sessions that were open or last.
    sessions: LastSessions,
    /// The last answers for the tracked stocks. The feed has no entry for an answer without news.
    answers: Arc<HashMap<i64, Answers>>,
}

/// The last answers of providers for a stock.
#[derive(Clone, Copy, Debug)]
struct Answers {
    /// When the last one came.
    at: Timestamp,
    /// How many in a row had no price.
    unpriced: i32,
}

impl Staleness {
    /// The condition of a stock whose newest price is `latest`.
    pub(crate) fn of(&self, stock: &Stock, latest: Option<&Price>) -> Condition {
        let answers = self.answers(stock);
        let quoted = QuoteStatus {
            market: Market::of(&stock.symbol),
            newest_day: latest.map(|price| price.trading_day),
            answered_at: answers.map(|answers| answers.at),
            unpriced_answers: answers.map_or(0, |answers| answers.unpriced),
        };
        let Some(sample) = &self.sample else {
            let replayed = latest.is_some_and(|price| price.provider == REPLAY);
            let sessions = self.sessions(replayed, None);
            return Condition {
                freshness: quoted.freshness(&sessions),
                cause: Some(Cause::DatabaseAway),
            };
        };
        let expected = StalenessContext {
            now: self.now,
            interval: sample.interval,
            hours: self.hours,
            sessions: self.sessions(sample.replayed, Some(sample.sessions)),
            replayed: sample.replayed,
        };
        let reason = quoted.stale_reason(&expected);
        Condition {
            freshness: quoted.freshness(&expected.sessions),
            cause: reason.map(|reason| {
                if stock.tracked {
                    Cause::Price(reason)
                } else {
                    Cause::Untracked
                }
            }),
        }
    }

    /// The last sessions: the current day of a replay, else those `sampled`, or those of this instant.
    fn sessions(&self, replayed: bool, sampled: Option<LastSessions>) -> LastSessions {
        let day = self.newest_day.filter(|_| replayed);
        day.map(LastSessions::replayed)
            .or(sampled)
            .unwrap_or_else(|| LastSessions::at(self.now))
    }

    /// The later of what the sample and the feed have of a stock's answers. A time that a clock wrote which ran ahead
    /// is not the later one.
    fn answers(&self, stock: &Stock) -> Option<Answers> {
        let sampled = self.sample.as_ref();
        let sampled = sampled.and_then(|sample| sample.answers.get(&stock.id).copied());
        let sampled = sampled.filter(|answers| answers.at >= stock.tracked_at);
        let told = stock.answered_at.map(|at| Answers {
            at,
            unpriced: stock.unpriced_answers,
        });
        let both = sampled.into_iter().chain(told);
        both.min_by_key(|answers| self.now.distance(answers.at))
    }
}

impl Condition {
    /// The condition of a stock at the moment in which a price of it is recorded.
    pub(crate) fn recorded(price: &Price) -> Self {
        let replayed = price.provider == REPLAY;
        let quoted = QuoteStatus {
            market: Market::of(&price.symbol),
            newest_day: Some(price.trading_day),
            answered_at: Some(price.recorded_at),
            unpriced_answers: 0,
        };
        let expected = StalenessContext {
            now: price.recorded_at,
            interval: None,
            hours: PollingHours::Market,
            sessions: if replayed {
                LastSessions::replayed(price.trading_day)
            } else {
                LastSessions::at(price.recorded_at)
            },
            replayed,
        };
        Self {
            freshness: quoted.freshness(&expected.sessions),
            cause: quoted.stale_reason(&expected).map(Cause::Price),
        }
    }

    /// Whether the stock is stale.
    pub(crate) fn is_stale(self) -> bool {
        self.cause.is_some()
    }
}

/// Samples the tables once a second at most.
#[derive(Clone, Default)]
pub(super) struct Sampler(Arc<Mutex<Option<Sample>>>);

impl Service {
    /// What the condition of stocks is measured with now.
    pub(crate) async fn staleness(&self) -> Result<Staleness, Error> {
        let now = self.store.clock.now();
        let staleness = |sample| Staleness {
            now,
            hours: self.hours,
            newest_day: self.board.newest_day(),
            sample,
        };
        if self.silence().is_some() {
            return Ok(staleness(None));
        }
        let mut last = self.staleness.0.lock().await;
        if let Some(sample) = &*last
            && now.since(sample.taken_at) < LOOK
            && now >= sample.taken_at
        {
            return Ok(staleness(Some(sample.clone())));
        }
        let connection = self.store.database.read();
        *last = match self.read(|| look(connection, now)).await {
            Err(error) if error.is_outage() => None,
            looked => Some(looked?),
        };
        Ok(staleness(last.clone()))
    }

    /// The condition of a stock now.
    pub(crate) async fn condition(&self, stock: &Stock) -> Result<Condition, Error> {
        let staleness = self.staleness().await?;
        let latest = self.board.latest_price(stock.id);
        Ok(staleness.of(stock, latest.as_ref()))
    }
}

async fn look(connection: &DatabaseConnection, now: Timestamp) -> Result<Sample, DbErr> {
    let providers = provider::Entity::find()
        .filter(provider::Column::Rank.is_not_null())
        .order_by_asc(provider::Column::Rank)
        .all(connection)
        .await?;
    let answered: Vec<(i64, Timestamp, i32)> = stock::Entity::find()
        .select_only()
        .columns([
            stock::Column::Id,
            stock::Column::AnsweredAt,
            stock::Column::UnpricedAnswers,
        ])
        .filter(stock::Column::Tracked.eq(true))
        .filter(stock::Column::AnsweredAt.is_not_null())
        .into_tuple()
        .all(connection)
        .await?;
    let answers = answered
        .into_iter()
        .map(|(id, at, unpriced)| (id, Answers { at, unpriced }));
    let interval = providers.iter().find_map(|row| row.effective_interval);
    Ok(Sample {
        taken_at: now,
        interval: interval
            .and_then(|micros| u64::try_from(micros).ok())
            .map(Duration::from_micros),
        // A replay plays if it is first; behind a live provider it stands by.
        replayed: providers.first().is_some_and(|row| row.name == REPLAY),
        sessions: LastSessions::at(now),
        answers: Arc::new(answers.collect()),
    })
}

#[cfg(test)]
mod tests;
