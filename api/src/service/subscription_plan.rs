//! Validates the arguments of a subscription, and decides where it starts.
//!
//! A plan can be delivered completely from its position on. A cursor for which that is not possible
//! is rejected with the reason.

use std::collections::BTreeSet;

use entity::{Cursor, Position, Price, Symbol};

use super::{Error, Service};
use crate::live::{BacklogLimits, Backpressure, DisconnectSignal, Interest, MaxEventSize};

/// Which events a subscription delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubscriptionKind {
    /// Prices, starting with a snapshot of the latest ones.
    Prices,
    /// Alerts.
    Alerts,
    /// Prices and alerts in feed order, without a snapshot.
    All,
    /// Changes of alert rules, from now on.
    Rules,
}

impl SubscriptionKind {
    fn has_prices(self) -> bool {
        matches!(self, Self::Prices | Self::All)
    }

    fn has_alerts(self) -> bool {
        matches!(self, Self::Alerts | Self::All)
    }
}

/// A validated subscription that can start.
#[derive(Debug)]
pub(crate) struct SubscriptionPlan {
    /// Which events.
    pub(super) kind: SubscriptionKind,
    /// Which stocks, and the backpressure policy.
    pub(super) interest: Interest,
    /// The snapshot to begin with, in feed order.
    pub(super) snapshot: Vec<Price>,
    /// The position after which events follow.
    pub(super) position: Position,
}

impl SubscriptionPlan {
    /// Where the protocol records the sizes of the events that it sends.
    pub(crate) fn max_event_size(&self) -> MaxEventSize {
        self.interest.max_event_size.clone()
    }

    /// The signal that disconnects the subscriber.
    pub(crate) fn disconnect_signal(&self) -> DisconnectSignal {
        self.interest.disconnect.clone()
    }

    /// The generation of the feed that the subscription belongs to.
    pub(crate) fn generation(&self) -> u64 {
        self.interest.generation
    }
}

impl Service {
    /// Plans a subscription to the events of `symbols`, or of all tracked stocks, after the cursor
    /// `after` or from now on. Prices from now on begin with a snapshot. With `conflate`, a slow
    /// subscriber gets only the latest event of each stock.
    ///
    /// # Errors
    ///
    /// [`Error::CursorExpired`] if the subscription cannot resume at `after`, [`Error::NotFound`]
    /// for a symbol that was never tracked, [`Error::BadInput`] if `symbols` is empty.
    pub(crate) async fn plan_subscription(
        &self,
        kind: SubscriptionKind,
        symbols: Option<Vec<Symbol>>,
        after: Option<String>,
        conflate: bool,
    ) -> Result<SubscriptionPlan, Error> {
        // Read first: if the feed is replaced meanwhile, joining the hub fails.
        let generation = self.hub.generation();
        let stocks = self.selected(symbols)?;
        let (snapshot, position) = match (after, kind) {
            (Some(after), kind) => {
                let position = self.resume_position(&after).await?;
                if self.has_gap(kind, stocks.as_deref(), position).await? {
                    return Err(Error::CursorExpired(
                        "is older than the prices that are kept",
                    ));
                }
                (Vec::new(), position)
            }
            (None, SubscriptionKind::Alerts | SubscriptionKind::All | SubscriptionKind::Rules) => {
                (Vec::new(), self.hub.position())
            }
            (None, SubscriptionKind::Prices) => self.board.snapshot(stocks.as_deref()),
        };
        let BacklogLimits {
            max_events,
            max_bytes,
            ..
        } = self.hub.limits();
        let interest = Interest {
            generation,
            stocks,
            prices: kind.has_prices(),
            alerts: kind.has_alerts(),
            rules: kind == SubscriptionKind::Rules,
            backpressure: if conflate {
                Backpressure::Conflate
            } else {
                Backpressure::Disconnect {
                    max_events,
                    max_bytes,
                }
            },
            disconnect: DisconnectSignal::default(),
            max_event_size: MaxEventSize::default(),
        };
        Ok(SubscriptionPlan {
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
                "must not be empty; omit it for all symbols",
            ));
        }
        let mut stocks = BTreeSet::new();
        for symbol in &symbols {
            stocks.insert(self.known_stock(symbol)?.id);
        }
        Ok(Some(stocks.into_iter().collect()))
    }

    /// Whether retention has deleted an event after `position` that the subscription selects.
    /// Alerts are never deleted.
    pub(super) async fn has_gap(
        &self,
        kind: SubscriptionKind,
        stocks: Option<&[i64]>,
        position: Position,
    ) -> Result<bool, Error> {
        let connection = self.store.database.read();
        let expired = || store::price::has_expired(connection, stocks, position);
        Ok(kind.has_prices() && self.read(expired).await?)
    }

    /// Returns the position of a cursor, which must exist in the feed.
    async fn resume_position(&self, after: &str) -> Result<Position, Error> {
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
                "is not a position of the feed: beyond its end, or of a feed that was replaced",
            ));
        }
        Ok(position)
    }
}
