//! What is tracked, and polls on demand.
//!
//! One invariant: the tracker is asked through the database, so it does not matter where it runs; when it cannot be
//! asked, tracking still succeeds and refreshing says why it does not. What changed is on the board before it is answered,
//! so that whoever changed it reads it.

use entity::{PollOutcome, Stock, Symbol};
use store::{
    feed::FeedTransaction,
    request::{Answer, PollRequest, ask},
};

use unicode_normalization::UnicodeNormalization;

use super::{Error, Service};

/// Why a poll was not made or not stored.
const SILENT_DATABASE: &str = "the database did not answer";

/// The longest name that a stock can be given, in characters.
const LONGEST_NAME: usize = 200;

impl Service {
    /// Tracks a stock, if its provider knows it or cannot be asked. A `name` is stored in Unicode's normalization form C.
    pub(crate) async fn track(
        &self,
        symbol: &Symbol,
        name: Option<String>,
    ) -> Result<Stock, Error> {
        let name = name
            .map(|name| name.trim().nfc().collect::<String>())
            .filter(|name| !name.is_empty());
        let length = name.as_ref().map_or(0, |name| name.chars().count());
        if length > LONGEST_NAME {
            let reason = format!("{length} characters are more than {LONGEST_NAME}");
            return Err(Error::bad_input("name", reason));
        }
        if name
            .as_ref()
            .is_some_and(|name| name.contains(char::is_control))
        {
            return Err(Error::bad_input("name", "has control characters"));
        }
        // The tables decide: another process may have changed them just now.
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
            let answer = self.while_connected(ask(&self.store, request)).await?;
            match answer.map(|answer| answer.outcome) {
                Some(PollOutcome::UnknownSymbol) => {
                    let reason = format!("{symbol} is unknown to the provider");
                    return Err(Error::NotFound(reason));
                }
                Some(PollOutcome::DatabaseUnavailable) => {
                    return Err(Error::unavailable(SILENT_DATABASE));
                }
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

    /// Stops tracking a stock; its past stays.
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

    /// Has the active tracker poll a stock now.
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
        match self.while_connected(ask(&self.store, request)).await? {
            Some(Answer {
                outcome: PollOutcome::Answered,
                ..
            }) => {
                // What the poll brought was committed before its answer.
                let end = self.read(|| store::feed::end(&self.store)).await?;
                self.board.wait_for(end.seq).await;
                self.known_stock(symbol)
            }
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
            }) => Err(Error::unavailable("the provider gave no price")),
            Some(Answer {
                outcome: PollOutcome::DatabaseUnavailable,
                ..
            }) => Err(Error::unavailable(SILENT_DATABASE)),
            None if self.status().await.is_tracked() => {
                Err(Error::unavailable("the provider did not answer in time"))
            }
            None => Err(Error::unavailable("no tracker is active")),
        }
    }
}
