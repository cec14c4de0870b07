//! One request for a stock's splits, and the release of its held prices.

use crate::metrics::Endpoint;
use entity::{Split, Symbol};
use store::split;
use tokio::time::Instant;

use super::context::{Asked, Desk, LONGEST_POLL, bounded, outcome_of};
use crate::{
    budget::Purpose,
    provider::{Budget, PollError, QuoteProvider},
};

impl Desk {
    /// Requests a stock's splits, stores them and releases its held prices. After a failed request the prices stay held.
    pub(super) async fn check_splits(
        &self,
        provider: &dyn QuoteProvider,
        budget: Budget,
        stock_id: i64,
        symbol: Symbol,
    ) -> Asked {
        let name = provider.name();
        let Some(splits) = provider.splits() else {
            return Asked::Lost;
        };
        let charged = match self.charge(name, budget, Purpose::Requested, &[]).await {
            Ok(charged) => charged,
            Err(asked) => return asked,
        };
        // Written before the request, so that a restart does not repeat it.
        let noted = split::asked(self.store.database.write(), stock_id, self.now());
        if let Err(error) = bounded(noted).await {
            tracing::debug!(provider = name, %symbol, %error, "failed to note a request for splits");
        }
        let begun = Instant::now();
        let reported = tokio::time::timeout(LONGEST_POLL, splits.splits(&symbol))
            .await
            .unwrap_or(Err(PollError::Timeout));
        let said = reported.as_ref().err().map_or("ok", PollError::outcome);
        self.metrics
            .provider_called(name, Endpoint::Splits, outcome_of(said), begun.elapsed());
        let spent = reported == Err(PollError::BudgetSpent);
        self.settle(name, budget, &charged, spent).await;
        match &reported {
            Ok(splits) => {
                tracing::debug!(provider = name, %symbol, splits = splits.len(), "splits received");
                if !self.release(stock_id, Some((name, splits))).await {
                    return Asked::Lost;
                }
            }
            Err(error) => tracing::info!(provider = name, %symbol, %error, "no splits received"),
        }
        Asked::Answered {
            answers: vec![(symbol, reported.err())],
            day_left: charged.granted.day_left,
        }
    }

    /// Stores reported splits and releases a stock's held prices, however long the database is away. Returns `false`
    /// if the process ends before it is back.
    pub(super) async fn release(&self, stock_id: i64, reported: Option<(&str, &[Split])>) -> bool {
        while let Err(error) = bounded(self.ingest.release(stock_id, reported)).await {
            tracing::debug!(%error, "held prices wait for the database");
            let paused = self.stopping.run_until_cancelled(self.pause()).await;
            if paused.is_none() {
                return false;
            }
        }
        true
    }
}
