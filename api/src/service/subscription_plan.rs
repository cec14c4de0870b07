//! Judges what a subscriber asks for.
//!
//! One invariant: whoever is let in can be told everything from its place on; a cursor that does not allow it is refused
//! with the reason.

use std::collections::BTreeSet;

use entity::{Cursor, Position, Price, Symbol};

use super::{Error, Service};
use crate::live::{Bounds, Dismissal, Interest, Largest, Pace};

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Prices as they are stored.
    Prices,
    /// Alerts as they fire.
    Alerts,
    /// Both, in feed order, without a snapshot.
    All,
}

impl Kind {
    fn has_prices(self) -> bool {
        self != Self::Alerts
    }
}

/// What a subscriber asked for, good to begin.
#[derive(Debug)]
pub(crate) struct Following {
    /// Of what.
    pub(super) kind: Kind,
    /// Of which stocks, and what happens when it is slow.
    pub(super) interest: Interest,
    /// What it begins with, in feed order.
    pub(super) snapshot: Vec<Price>,
    /// After which place it goes on.
    pub(super) position: Position,
}

impl Following {
    /// Where to note how large what the subscriber is told is.
    pub(crate) fn largest(&self) -> Largest {
        self.interest.largest.clone()
    }

    /// Set once the subscriber gets nothing more.
    pub(crate) fn dismissal(&self) -> Dismissal {
        self.interest.dismissal.clone()
    }

    /// In which of the hub's feeds.
    pub(crate) fn life(&self) -> u64 {
        self.interest.life
    }
}

impl Service {
    /// Judges what a subscriber asks for: `kind` of `symbols`, or of all tracked stocks, after a cursor or from now on.
    /// Prices from now on begin with the latest ones.
    pub(crate) async fn follow(
        &self,
        kind: Kind,
        symbols: Option<Vec<Symbol>>,
        after: Option<String>,
        conflate: bool,
    ) -> Result<Following, Error> {
        // Before anything is judged: should another feed take this one's place meanwhile, nobody follows it unawares.
        let life = self.hub.life();
        let stocks = self.selected(symbols)?;
        let (snapshot, position) = match (after, kind) {
            (Some(after), kind) => {
                let position = self.resumable(&after).await?;
                if self.is_lost(kind, stocks.as_deref(), position).await? {
                    return Err(Error::CursorExpired(
                        "is older than the prices that are kept",
                    ));
                }
                (Vec::new(), position)
            }
            (None, Kind::Alerts | Kind::All) => (Vec::new(), self.hub.position()),
            (None, Kind::Prices) => self.board.snapshot(stocks.as_deref()),
        };
        let Bounds { behind, bytes, .. } = self.hub.bounds();
        let interest = Interest {
            life,
            stocks,
            prices: kind.has_prices(),
            alerts: kind != Kind::Prices,
            pace: if conflate {
                Pace::Latest
            } else {
                Pace::Everything { behind, bytes }
            },
            dismissal: Dismissal::default(),
            largest: Largest::default(),
        };
        Ok(Following {
            kind,
            interest,
            snapshot,
            position,
        })
    }

    fn selected(&self, symbols: Option<Vec<Symbol>>) -> Result<Option<Vec<i64>>, Error> {
        let Some(symbols) = symbols else {
            return Ok(None);
        };
        if symbols.is_empty() {
            return Err(Error::bad_input(
                "symbols",
                "is empty; leave it out for all of them",
            ));
        }
        let mut stocks = BTreeSet::new();
        for symbol in &symbols {
            stocks.insert(self.known_stock(symbol)?.id);
        }
        Ok(Some(stocks.into_iter().collect()))
    }

    /// Whether something after `position` was dropped that is to be told. Alerts are kept for ever.
    pub(super) async fn is_lost(
        &self,
        kind: Kind,
        stocks: Option<&[i64]>,
        position: Position,
    ) -> Result<bool, Error> {
        let connection = self.store.database.read();
        let expired = || store::price::has_expired(connection, stocks, position);
        Ok(kind.has_prices() && self.read(expired).await?)
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
        if self.hub.has(position) == Some(true) {
            return Ok(position);
        }
        let has = || store::feed::has(&self.store, position);
        if !self.read(has).await? {
            return Err(Error::CursorExpired(
                "is beyond the feed's end, or of a feed that this one took the place of",
            ));
        }
        Ok(position)
    }
}
