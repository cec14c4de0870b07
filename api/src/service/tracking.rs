//! What is tracked, and polls on demand.
//!
//! One invariant: the tracker is asked through the database, so it does not matter where it runs; when it cannot be
//! asked, tracking still succeeds and refreshing says why it does not.

use entity::{PollOutcome, Stock, Symbol};
use store::{
    feed::FeedTransaction,
    request::{Answer, PollRequest, ask},
};

use super::{Error, Service};

/// The longest name that a stock can be given, in characters.
const LONGEST_NAME: usize = 200;

impl Service {
    /// Tracks a stock, if its provider knows it or cannot be asked.
    pub(crate) async fn track(
        &self,
        symbol: &Symbol,
        name: Option<String>,
    ) -> Result<Stock, Error> {
        let name = name
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty());
        let length = name.as_ref().map_or(0, |name| name.chars().count());
        if length > LONGEST_NAME {
            let reason = format!("{length} characters are more than {LONGEST_NAME}");
            return Err(Error::bad_input("name", reason));
        }
        if let Some(stock) = self.stock(symbol).await?.filter(|stock| stock.tracked) {
            return Ok(stock);
        }
        let request = PollRequest {
            symbol: symbol.clone(),
            track: true,
            name: name.clone(),
        };
        let answer = ask(&self.store, request).await?;
        if answer.is_some_and(|answer| answer.outcome == PollOutcome::UnknownSymbol) {
            return Err(Error::NotFound(format!(
                "{symbol} is unknown to the provider"
            )));
        }
        let mut feed = FeedTransaction::begin(&self.store).await?;
        let stock = store::stock::track(&mut feed, symbol, name).await?;
        feed.commit().await?;
        Ok(stock)
    }

    /// Stops tracking a stock; its past stays.
    pub(crate) async fn untrack(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let mut feed = FeedTransaction::begin(&self.store).await?;
        let stock = store::stock::untrack(&mut feed, symbol).await?;
        feed.commit().await?;
        stock.ok_or_else(|| Error::NotFound(format!("{symbol} was never tracked")))
    }

    /// Has the active tracker poll a stock now.
    pub(crate) async fn refresh(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let stock = self.known_stock(symbol).await?;
        if !stock.tracked {
            return Err(Error::NotFound(format!("{symbol} is not tracked")));
        }
        let request = PollRequest {
            symbol: symbol.clone(),
            track: false,
            name: None,
        };
        match ask(&self.store, request).await? {
            Some(Answer {
                outcome: PollOutcome::Answered,
                ..
            }) => self.known_stock(symbol).await,
            Some(Answer {
                outcome: PollOutcome::RateLimited,
                retry_after,
            }) => Err(Error::RateLimited {
                retry_after: retry_after.unwrap_or(60),
            }),
            Some(Answer {
                outcome: PollOutcome::UnknownSymbol,
                ..
            }) => Err(Error::NotFound(format!(
                "{symbol} is unknown to the provider"
            ))),
            Some(Answer {
                outcome: PollOutcome::Failed,
                ..
            }) => Err(Error::unavailable("the provider did not answer")),
            None if self.status().await.is_tracked() => {
                Err(Error::unavailable("the provider did not answer in time"))
            }
            None => Err(Error::unavailable("no tracker is active")),
        }
    }
}
