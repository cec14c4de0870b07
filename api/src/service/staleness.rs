//! Determines how fresh a stock's price is, and whether and why the stock is stale.
//!
//! The rules are in [`market`]. This module provides their inputs: the newest prices from the
//! board, and a sample of the tables, which is taken at most once a second. While the database is
//! away, every stock is stale.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use chrono::NaiveDate;
use entity::{Price, Stock, Timestamp};
use market::{
    Freshness, LastSessions, Market, PollingHours, QuoteStatus, StaleReason, StalenessContext,
};
use runtime::config::ProviderName;
use store::{
    Store, provider,
    stock::{self, LastAnswer},
};
use tokio::sync::Mutex;

use super::{Error, Service};

/// The name of the replay in stored prices.
const REPLAY: &str = ProviderName::Replay.as_str();
/// How long a sample of the tables is used.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// How fresh a stock's price is, and whether the stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// How old the newest price is.
    pub(crate) freshness: Freshness,
    /// Why the stock is stale; `None` if it is not.
    pub(crate) cause: Option<StaleCause>,
}

/// Why a stock is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StaleCause {
    /// The database cannot be read.
    DatabaseAway,
    /// The stock was untracked.
    Untracked,
    /// No configured provider serves it.
    Unserved,
    /// Its price, or the answers of its providers.
    Price(StaleReason),
}

impl fmt::Display for StaleCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DatabaseAway => write!(f, "the database is away"),
            Self::Untracked => write!(f, "no longer tracked"),
            Self::Unserved => write!(f, "no configured provider serves it, so it is not polled"),
            Self::Price(reason) => reason.fmt(f),
        }
    }
}

/// The inputs to the condition of stocks, at one time.
#[derive(Clone, Debug)]
pub(crate) struct Staleness {
    now: Timestamp,
    hours: PollingHours,
    /// The newest trading day of all prices. In a replay this is the current day.
    newest_day: Option<NaiveDate>,
    /// The last sample; `None` while the database is away.
    sample: Option<StalenessSample>,
}

/// Values sampled from the tables.
#[derive(Clone, Debug)]
struct StalenessSample {
    taken_at: Timestamp,
    /// The polling interval of each provider in failover order; `None` while no poll is expected.
    intervals: Arc<Vec<(String, Option<Duration>)>>,
    /// Whether the active provider is a replay.
    replayed: bool,
    /// The current or last session of each market.
    sessions: LastSessions,
    /// The last answers for the tracked stocks. A repeated quote has no entry in the feed.
    answers: Arc<HashMap<i64, LastAnswer>>,
    /// The stocks that no configured provider serves.
    unserved: Arc<HashSet<i64>>,
}

impl Staleness {
    /// The condition of a stock whose newest price is `latest`.
    pub(crate) fn of(&self, stock: &Stock, latest: Option<&Price>) -> Condition {
        let answer = self.last_answer(stock);
        let quoted = QuoteStatus {
            market: Market::of(&stock.symbol),
            newest_day: latest.map(|price| price.trading_day),
            answered_at: answer.map(|answer| answer.answered_at),
            unpriced_answers: answer.map_or(0, |answer| answer.unpriced_answers),
        };
        let Some(sample) = &self.sample else {
            let replayed = latest.is_some_and(|price| price.provider == REPLAY);
            let sessions = self.sessions(replayed, None);
            return Condition {
                freshness: quoted.freshness(&sessions),
                cause: Some(StaleCause::DatabaseAway),
            };
        };
        let expected = StalenessContext {
            now: self.now,
            interval: sample.interval(latest),
            hours: self.hours,
            sessions: self.sessions(sample.replayed, Some(sample.sessions)),
            replayed: sample.replayed,
        };
        let reason = quoted.stale_reason(&expected);
        Condition {
            freshness: quoted.freshness(&expected.sessions),
            cause: reason.map(|reason| {
                if !stock.tracked {
                    StaleCause::Untracked
                } else if sample.unserved.contains(&stock.id) && !sample.replayed {
                    StaleCause::Unserved
                } else {
                    StaleCause::Price(reason)
                }
            }),
        }
    }

    /// The last sessions: in a replay its current day, else those `sampled`, else those of now.
    fn sessions(&self, replayed: bool, sampled: Option<LastSessions>) -> LastSessions {
        let day = self.newest_day.filter(|_| replayed);
        day.map(LastSessions::replayed)
            .or(sampled)
            .unwrap_or_else(|| LastSessions::at(self.now))
    }

    /// The newer of the answers in the sample and on the board: the one closest to now, so that a
    /// time from a clock that ran ahead does not win.
    fn last_answer(&self, stock: &Stock) -> Option<LastAnswer> {
        let sampled = self.sample.as_ref();
        let sampled = sampled.and_then(|sample| sample.answers.get(&stock.id).copied());
        let sampled = sampled.filter(|answer| answer.answered_at >= stock.tracked_at);
        let on_board = stock.answered_at.map(|answered_at| LastAnswer {
            stock_id: stock.id,
            answered_at,
            unpriced_answers: stock.unpriced_answers,
        });
        let both = sampled.into_iter().chain(on_board);
        both.min_by_key(|answer| self.now.distance(answer.answered_at))
    }
}

impl StalenessSample {
    /// The polling interval of a stock with this newest price: that of the provider of the price.
    /// Without one, that of the first provider that is polled.
    fn interval(&self, latest: Option<&Price>) -> Option<Duration> {
        let named = |price: &Price| {
            let mut intervals = self.intervals.iter();
            let found = intervals.find(|(name, _)| *name == price.provider)?;
            found.1
        };
        let mut all = self.intervals.iter();
        latest
            .and_then(named)
            .or_else(|| all.find_map(|(_, interval)| *interval))
    }
}

impl Condition {
    /// The condition of a stock when this price was recorded.
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
            cause: quoted.stale_reason(&expected).map(StaleCause::Price),
        }
    }

    /// Whether the stock is stale.
    pub(crate) fn is_stale(self) -> bool {
        self.cause.is_some()
    }
}

/// Caches the last sample, for at most a second.
#[derive(Clone, Default)]
pub(super) struct Sampler(Arc<Mutex<Option<StalenessSample>>>);

impl Service {
    /// Returns the inputs to the condition of stocks now.
    pub(crate) async fn staleness(&self) -> Result<Staleness, Error> {
        let now = self.store.clock.now();
        let staleness = |sample| Staleness {
            now,
            hours: self.hours,
            newest_day: self.board.newest_day(),
            sample,
        };
        if self.staleness_age().is_some() {
            return Ok(staleness(None));
        }
        let mut last = self.staleness.0.lock().await;
        if let Some(sample) = &*last
            && now.since(sample.taken_at) < SAMPLE_INTERVAL
            && now >= sample.taken_at
        {
            return Ok(staleness(Some(sample.clone())));
        }
        *last = match self.read(|| sample(&self.store, now)).await {
            Err(error) if error.is_outage() => None,
            sampled => Some(sampled?),
        };
        Ok(staleness(last.clone()))
    }

    /// Returns the current condition of a stock.
    pub(crate) async fn condition(&self, stock: &Stock) -> Result<Condition, Error> {
        let staleness = self.staleness().await?;
        let latest = self.board.latest_price(stock.id);
        Ok(staleness.of(stock, latest.as_ref()))
    }
}

async fn sample(store: &Store, now: Timestamp) -> Result<StalenessSample, store::Error> {
    let connection = store.database.read();
    let providers = provider::configured(connection).await?;
    let answers = stock::last_answers(connection).await?.into_iter();
    let unserved = stock::unserved(connection).await?.into_iter();
    let intervals = providers.iter().map(|row| {
        let micros = row.effective_interval;
        let micros = micros.and_then(|micros| u64::try_from(micros).ok());
        (row.name.clone(), micros.map(Duration::from_micros))
    });
    Ok(StalenessSample {
        taken_at: now,
        intervals: Arc::new(intervals.collect()),
        // A replay plays if it is first; behind a live provider it stands by.
        replayed: providers.first().is_some_and(|row| row.name == REPLAY),
        sessions: LastSessions::at(now),
        answers: Arc::new(answers.map(|answer| (answer.stock_id, answer)).collect()),
        unserved: Arc::new(unserved.collect()),
    })
}

#[cfg(test)]
mod tests;
