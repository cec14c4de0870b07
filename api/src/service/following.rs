//! Follows prices and alerts from a place, for one subscriber.
//!
//! One invariant: a snapshot and what follows it meet at one position of the feed, without a gap and without a repeat.

use std::collections::HashSet;

use entity::{Alert, Cursor, Position, Price, Symbol};

use super::{Error, Service};
use crate::hub::{Tail, Tailed};

/// What a subscriber is told: the snapshot at once, and then whatever the tail brings.
pub(crate) struct Following<T> {
    /// What is true when it begins.
    pub(crate) snapshot: Vec<T>,
    /// What happens from then on.
    pub(crate) tail: Tail<T>,
}

impl Service {
    /// Prices of `symbols`, or of all tracked stocks: all after the cursor, or the latest ones and all from then on.
    pub(crate) async fn follow_prices(
        &self,
        symbols: Option<Vec<Symbol>>,
        after: Option<String>,
    ) -> Result<Following<Price>, Error> {
        let stocks = self.selected(symbols).await?;
        if let Some(after) = after {
            return Ok(self.following(Vec::new(), stocks, self.resumable(&after).await?));
        }
        let (snapshot, position) = store::price::snapshot(&self.store, stocks.as_deref()).await?;
        Ok(self.following(snapshot, stocks, position))
    }

    /// Alerts of `symbols`, or of all tracked stocks: all after the cursor, or all from now on.
    pub(crate) async fn follow_alerts(
        &self,
        symbols: Option<Vec<Symbol>>,
        after: Option<String>,
    ) -> Result<Following<Alert>, Error> {
        let stocks = self.selected(symbols).await?;
        let position = match after {
            Some(after) => self.resumable(&after).await?,
            None => self.hub.position(),
        };
        Ok(self.following(Vec::new(), stocks, position))
    }

    fn following<T: Tailed>(
        &self,
        snapshot: Vec<T>,
        stocks: Option<Vec<i64>>,
        position: Position,
    ) -> Following<T> {
        let stocks = stocks.map(HashSet::from_iter);
        let tail = Tail::after(self.hub.clone(), self.store.clone(), stocks, position);
        Following { snapshot, tail }
    }

    async fn selected(&self, symbols: Option<Vec<Symbol>>) -> Result<Option<Vec<i64>>, Error> {
        let Some(symbols) = symbols else {
            return Ok(None);
        };
        if symbols.is_empty() {
            return Err(Error::bad_input(
                "symbols",
                "is empty; leave it out for all of them",
            ));
        }
        let mut stocks = Vec::with_capacity(symbols.len());
        for symbol in &symbols {
            stocks.push(self.known_stock(symbol).await?.id);
        }
        Ok(Some(stocks))
    }

    /// The place of a cursor that can be resumed from: one of this database, not beyond its end.
    async fn resumable(&self, after: &str) -> Result<Position, Error> {
        let Ok(Cursor::Feed(position)) = Cursor::decode(after) else {
            return Err(Error::CursorExpired(
                "is not a cursor of a price, an alert or the feed",
            ));
        };
        if position.epoch != self.epoch() {
            return Err(Error::CursorExpired("is a cursor of another database"));
        }
        let known = self.hub.position().seq >= position.seq
            || store::feed::end(&self.store).await?.seq >= position.seq;
        if !known {
            return Err(Error::CursorExpired("is beyond the feed's end"));
        }
        Ok(position)
    }
}
