//! Tracks and untracks stocks, and polls them on demand.
//!
//! Requests to the tracker go through the database, so that it may run in another process. If no
//! tracker answers, tracking succeeds and refreshing fails with the reason. A change is on the
//! quote board before its mutation returns, so that a client reads its own writes.

use std::time::Duration;

use entity::{PollOutcome, Stock, Symbol};
use store::{
    feed::FeedTransaction,
    poll_request::{self, PollRequest, PollResponse},
};
use tokio::time::timeout;
use unicode_normalization::UnicodeNormalization;

use super::{Error, Service};

/// Timeout of reading the status. With the timeout of the response it is shorter than the execution
/// timeout, so that the client gets the reason.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);

/// The error if the tracker could not charge or store a poll.
const DATABASE_UNAVAILABLE: &str = "the database did not answer";

/// Maximum length of a stock's name, in characters.
const MAX_NAME_LENGTH: usize = 200;

impl Service {
    /// Tracks a stock. A `name` is stored in Unicode normalization form C.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the provider does not know the symbol. If it cannot be reached, the
    /// stock is tracked.
    pub(crate) async fn track(
        &self,
        symbol: &Symbol,
        name: Option<String>,
    ) -> Result<Stock, Error> {
        let name = name
            .map(|name| name.trim().nfc().collect::<String>())
            .filter(|name| !name.is_empty());
        let length = name.as_ref().map_or(0, |name| name.chars().count());
        if length > MAX_NAME_LENGTH {
            let reason = format!("has {length} characters, at most {MAX_NAME_LENGTH} are allowed");
            return Err(Error::bad_input("name", reason));
        }
        if name
            .as_ref()
            .is_some_and(|name| name.contains(char::is_control))
        {
            return Err(Error::bad_input(
                "name",
                "must not contain control characters",
            ));
        }
        // From the database: another process may have changed it since the board was updated.
        let connection = self.store.database.read();
        let stored = self
            .read(|| store::stock::by_symbol(connection, symbol))
            .await?;
        let tracked = stored.filter(|stock| stock.tracked);
        if let Some(stock) = &tracked
            && (name.is_none() || name == stock.name)
        {
            return Ok(stock.clone());
        }
        if tracked.is_none() {
            let request = PollRequest {
                symbol: symbol.clone(),
                track: true,
                name: name.clone(),
            };
            let response = self.while_connected(poll_request::submit(&self.store, request));
            match response.await?.map(|response| response.outcome) {
                Some(PollOutcome::Answered) => {
                    // The tracker stored the stock before it responded.
                    self.wait_for_feed().await?;
                    return self.known_stock(symbol);
                }
                Some(PollOutcome::UnknownSymbol) => {
                    let reason = format!("{symbol} is unknown to the provider");
                    return Err(Error::NotFound(reason));
                }
                // Whatever else happened, the stock can be tracked and polled later. If the tracker
                // could not store its response, this write returns the reason.
                _ => {}
            }
        }
        let tracking = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            let stock = store::stock::track(&mut feed, symbol, name).await?;
            Ok((stock, feed.commit().await?))
        };
        let (stock, position) = self.while_connected(tracking).await?;
        self.board.wait_for(position.seq).await;
        Ok(stock)
    }

    /// Stops tracking a stock. Its prices and alerts are kept.
    pub(crate) async fn untrack(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let untracking = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            let stock = store::stock::untrack(&mut feed, symbol).await?;
            Ok((stock, feed.commit().await?))
        };
        let (stock, position) = self.while_connected(untracking).await?;
        self.board.wait_for(position.seq).await;
        stock.ok_or_else(|| Error::NotFound(format!("{symbol} was never tracked")))
    }

    /// Waits until the quote board includes everything that is committed.
    async fn wait_for_feed(&self) -> Result<(), Error> {
        let end = self.read(|| store::feed::end(&self.store)).await?;
        self.board.wait_for(end.seq).await;
        Ok(())
    }

    /// Makes the active tracker poll a stock now.
    pub(crate) async fn refresh(&self, symbol: &Symbol) -> Result<Stock, Error> {
        let stock = self.known_stock(symbol)?;
        if !stock.tracked {
            return Err(Error::NotFound(format!("{symbol} is not tracked")));
        }
        let request = PollRequest {
            symbol: symbol.clone(),
            track: false,
            name: None,
        };
        let response = self.while_connected(poll_request::submit(&self.store, request));
        match response.await? {
            Some(PollResponse {
                outcome: PollOutcome::Answered,
                ..
            }) => {
                self.wait_for_feed().await?;
                self.known_stock(symbol)
            }
            Some(PollResponse {
                outcome: PollOutcome::RateLimited,
                retry_after,
                ..
            }) => Err(Error::RateLimited {
                retry_after: retry_after.unwrap_or(60),
            }),
            Some(PollResponse {
                outcome: PollOutcome::UnknownSymbol,
                ..
            }) => Err(Error::NotFound(format!(
                "{symbol} is unknown to the provider"
            ))),
            Some(PollResponse {
                outcome: PollOutcome::Failed,
                retry_after,
                reason,
            }) => Err(Error::Unavailable {
                reason: reason.map_or("the provider returned no price".into(), Into::into),
                retry_after,
                source: None,
            }),
            Some(PollResponse {
                outcome: PollOutcome::DatabaseUnavailable,
                ..
            }) => Err(Error::unavailable(DATABASE_UNAVAILABLE)),
            None => Err(Error::unavailable(self.missing_response().await)),
        }
    }

    /// Returns why the tracker did not respond in time.
    async fn missing_response(&self) -> &'static str {
        match timeout(STATUS_TIMEOUT, self.status()).await {
            Ok(status) if status.is_tracked() => "the provider did not answer in time",
            Ok(status) if status.providers.is_some() => "no tracker is active",
            _ => DATABASE_UNAVAILABLE,
        }
    }
}
