//! One request for a stock's past, and what is stored of it.
//!
//! One invariant: charged as every request is, and written down however it ended, so that nobody asks again for what is
//! there, and nobody soon for what is not.

use std::time::Duration;

use crate::metrics::Endpoint;
use entity::Timestamp;
use market::Market;
use sea_orm::DbErr;
use store::{
    backfill::{self, Due},
    feed::FeedTransaction,
};
use tokio::time::Instant;

use super::context::{Asked, Desk, LONGEST_POLL, bounded, outcome_of};
use crate::{
    budget::Purpose,
    candle,
    provider::{Bar, Budget, PollError, QuoteProvider},
    schedule::RETRY_UNKNOWN_AFTER,
};

/// A past that was filled in is not asked for again before, however often its stock is tracked anew.
const FRESH: Duration = Duration::from_hours(24);
/// The wait after the first failure; each further one waits six times as long, up to a day.
const FIRST_WAIT: Duration = Duration::from_secs(5);

impl Desk {
    /// Asks a provider for a stock's past, leaving `keep` requests of the day alone, and stores it.
    pub(super) async fn fill(
        &self,
        provider: &dyn QuoteProvider,
        budget: Budget,
        keep: u32,
        due: Due,
    ) -> Asked {
        let name = provider.name();
        let Some(history) = provider.history() else {
            return Asked::Lost;
        };
        let charged = match self
            .charge(name, budget, Purpose::Spare { keep }, &[])
            .await
        {
            Ok(charged) => charged,
            Err(asked) => return asked,
        };
        let begun = Instant::now();
        let told = tokio::time::timeout(LONGEST_POLL, history.bars(&due.symbol))
            .await
            .unwrap_or(Err(PollError::Timeout));
        let said = told.as_ref().err().map_or("ok", PollError::outcome);
        self.metrics
            .provider_called(name, Endpoint::Daily, outcome_of(said), begun.elapsed());
        let spent = told == Err(PollError::BudgetSpent);
        self.settle(name, budget, &charged, spent).await;
        let symbol = due.symbol.clone();
        let mut stored = bounded(self.keep(&due, &told)).await;
        while let Err(error) = &stored {
            tracing::debug!(provider = name, %symbol, %error, "a history waits to be stored");
            let paused = self.stopping.run_until_cancelled(self.pause()).await;
            if paused.is_none() {
                return Asked::Lost;
            }
            stored = bounded(self.keep(&due, &told)).await;
        }
        match (&told, stored) {
            (Err(error), _) => {
                tracing::info!(provider = name, %symbol, %error, "no history");
            }
            (Ok(_), days) => {
                tracing::info!(provider = name, %symbol, days = days.unwrap_or(0), "history filled in");
            }
        }
        Asked::Answered {
            answers: vec![(symbol, told.err())],
            day_left: charged.granted.day_left,
        }
    }

    /// Stores what was told. Answers the number of days.
    async fn keep(&self, due: &Due, told: &Result<Vec<Bar>, PollError>) -> Result<usize, DbErr> {
        // Candles are read and written under the feed's lock, though nothing is told of them.
        let feed = FeedTransaction::begin(&self.store).await?;
        let now = self.now();
        let days = match told {
            Ok(bars) => {
                let stock = (due.stock_id, Market::of(&due.symbol));
                let days = candle::fill(feed.connection(), stock, bars, now).await?;
                backfill::done(feed.connection(), due, now, now.after(FRESH)).await?;
                days
            }
            Err(error) => {
                let next_at = self.next_at(due, error, now);
                backfill::failed(feed.connection(), due, next_at).await?;
                0
            }
        };
        feed.commit().await?;
        Ok(days)
    }

    /// When it is worth asking again.
    fn next_at(&self, due: &Due, error: &PollError, now: Timestamp) -> Timestamp {
        let hopeless = matches!(error, PollError::UnknownSymbol | PollError::NotEntitled);
        if hopeless {
            return now.after(RETRY_UNKNOWN_AFTER);
        }
        let times = u32::try_from(due.failures).unwrap_or(u32::MAX);
        let wait = FIRST_WAIT.saturating_mul(6_u32.saturating_pow(times));
        let wait = wait.min(RETRY_UNKNOWN_AFTER);
        let drawn = wait / 2 + self.random.below(wait / 2);
        now.after(drawn.max(error.wait().unwrap_or_default()))
    }
}
