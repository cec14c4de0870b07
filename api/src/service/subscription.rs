//! Delivers the events of one subscription: snapshot, stored events, then live events.
//!
//! The parts join without a gap and without a repeat. Stored events are read from the database up
//! to a position that the hub still keeps, where the subscription joins the hub. A subscription
//! that the hub cannot serve reads the database again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use entity::{Event, Position, Price};
use futures_util::{Stream, stream};

use super::{Error, Service, SubscriptionKind, SubscriptionPlan};
use crate::live::{DisconnectReason, FeedEvent, HubReader, Interest, ReaderClosed};

/// Consecutive events, in feed order.
type Events = Vec<Arc<FeedEvent>>;

/// Delay before a failed read is retried.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// An event to send to a subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The event.
    pub(crate) event: Arc<FeedEvent>,
    /// Number of events skipped between the previous delivery and this one.
    pub(crate) missed: u64,
    /// Whether the event is part of the initial snapshot.
    pub(crate) snapshot: bool,
}

/// A running subscription.
struct SubscriptionStream {
    service: Service,
    kind: SubscriptionKind,
    interest: Interest,
    /// The rest of the snapshot.
    snapshot: VecDeque<Arc<FeedEvent>>,
    /// The rest of the events that were read from the database.
    stored: VecDeque<Arc<FeedEvent>>,
    /// The position at which the next read starts.
    position: Position,
    /// The reader in the hub, once joined.
    reader: Option<HubReader>,
}

impl Service {
    /// Delivers all events of a subscription. The stream ends after the first `Err`.
    pub(crate) fn deliver(
        &self,
        plan: SubscriptionPlan,
    ) -> impl Stream<Item = Result<Delivery, DisconnectReason>> + Send + use<> {
        let SubscriptionPlan {
            kind,
            interest,
            snapshot,
            position,
        } = plan;
        let snapshot = self.recorded(snapshot, position).into();
        let subscription = SubscriptionStream {
            service: self.clone(),
            kind,
            interest,
            snapshot,
            stored: VecDeque::new(),
            position,
            reader: None,
        };
        stream::unfold(Some(subscription), |subscription| async move {
            let mut subscription = subscription?;
            let delivery = subscription.next().await;
            let rest = delivery.is_ok().then_some(subscription);
            Some((delivery, rest))
        })
    }

    /// Converts prices to the events that recorded them.
    fn recorded(&self, prices: Vec<Price>, end: Position) -> Events {
        let ids: Vec<i64> = prices.iter().map(|price| price.stock_id).collect();
        let stocks = self.stocks_by_id(&ids);
        let events = prices.into_iter().filter_map(|price| {
            let stock = stocks.get(&price.stock_id)?.clone();
            let end = Position {
                recorded_at: price.recorded_at,
                ..end
            };
            Some(Arc::new(FeedEvent::within(
                end,
                Event::QuoteRecorded { price, stock },
            )))
        });
        events.collect()
    }
}

impl SubscriptionStream {
    async fn next(&mut self) -> Result<Delivery, DisconnectReason> {
        loop {
            if let Some(event) = self.snapshot.pop_front() {
                return Ok(Delivery {
                    event,
                    missed: 0,
                    snapshot: true,
                });
            }
            if let Some(event) = self.stored.pop_front() {
                return Ok(Delivery {
                    event,
                    missed: 0,
                    snapshot: false,
                });
            }
            if let Some(reader) = &mut self.reader {
                match reader.next().await {
                    Ok((event, missed)) => {
                        return Ok(Delivery {
                            event,
                            missed,
                            snapshot: false,
                        });
                    }
                    Err(ReaderClosed::Disconnected(reason)) => return Err(reason),
                    Err(ReaderClosed::Gap(position)) => {
                        self.reader = None;
                        // The reader may have joined ahead of the hub, at a later position.
                        if position.seq > self.position.seq {
                            self.position = position;
                        }
                    }
                }
            }
            self.reader = self.service.hub.join(self.interest.clone(), self.position);
            if self.reader.is_none() {
                // Boxed, so that subscriptions that never need it do not reserve space for it.
                Box::pin(self.read_stored()).await?;
            }
        }
    }

    /// Reads the next page of events that the hub no longer keeps.
    async fn read_stored(&mut self) -> Result<(), DisconnectReason> {
        if let Some(reason) = self.interest.disconnect.reason() {
            return Err(reason);
        }
        let end = self.service.hub.position();
        match self.page(end).await {
            Ok(Some((page, up_to))) => {
                self.position = up_to;
                self.stored = page.into();
            }
            Ok(None) => return Err(DisconnectReason::SlowConsumer),
            Err(error) => {
                tracing::warn!(cause = ?error.cause(), "subscription failed to read events; retrying");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
        Ok(())
    }

    /// Reads a page of events up to `end`. Returns them with the position up to which they are
    /// complete, or `None` if some were deleted.
    async fn page(&self, end: Position) -> Result<Option<(Events, Position)>, Error> {
        if self.kind == SubscriptionKind::Rules {
            // The tables have the rules, but not their changes.
            return Ok(None);
        }
        let connection = self.service.store.database.read();
        let limit = self.service.hub.limits().page;
        let (stocks, from) = (self.interest.stocks.as_deref(), self.position);
        let (mut page, mut up_to) = if self.kind == SubscriptionKind::Alerts {
            (Events::new(), end)
        } else {
            let read = || store::price::after(connection, stocks, from, end, limit);
            let read = self.service.read(read).await?;
            (self.service.recorded(read.prices, end), read.up_to)
        };
        if self.kind != SubscriptionKind::Prices {
            // Only as far as the prices are complete.
            let to = up_to;
            let read = || store::alert::between(connection, stocks, from, to, limit);
            let alerts = self.service.read(read).await?;
            let is_truncated = alerts.len() == limit as usize;
            let fired: Events = alerts
                .into_iter()
                .map(|alert| {
                    let end = Position {
                        recorded_at: alert.recorded_at(),
                        ..end
                    };
                    Arc::new(FeedEvent::within(end, Event::AlertFired { alert }))
                })
                .collect();
            if let Some(last) = fired.last().filter(|_| is_truncated) {
                up_to = last.position;
                page.retain(|event| event.position.seq <= up_to.seq);
            }
            page.extend(fired);
            page.sort_unstable_by_key(|event| event.position.seq);
        }
        // Checked after reading, because retention may run in between.
        let has_gap = self.service.has_gap(self.kind, stocks, self.position);
        Ok((!has_gap.await?).then_some((page, up_to)))
    }
}
