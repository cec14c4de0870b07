//! Delivers the events of one subscription: snapshot, stored events, then live events.
//!
//! The parts join without a gap and without a repeat. Stored events are read from the database up
//! to a position that the hub still keeps, where the subscription joins the hub. A subscription
//! that the hub cannot serve reads the database again.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use entity::{Event, Position, Price};
use futures_util::{FutureExt, Stream, future::BoxFuture};

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

/// The deliveries of a running subscription. Ends after the first `Err`.
pub(crate) struct Deliveries {
    service: Service,
    kind: SubscriptionKind,
    interest: Interest,
    /// The rest of the snapshot.
    snapshot: VecDeque<Arc<FeedEvent>>,
    /// The rest of the events that were read from the database.
    stored: VecDeque<Arc<FeedEvent>>,
    /// The position at which the next read starts.
    position: Position,
    source: Source,
}

/// Where the next events come from.
enum Source {
    /// The hub, which the subscription has to join.
    Unjoined,
    /// The hub.
    Hub(HubReader),
    /// The database, which the hub does not replace yet.
    Tables(BoxFuture<'static, Result<Page, DisconnectReason>>),
    /// Nothing: the subscription has ended.
    Ended,
}

/// Events from the database, with the position up to which they are complete.
type Page = (Events, Position);

impl Service {
    /// Delivers all events of a subscription.
    pub(crate) fn deliver(&self, plan: SubscriptionPlan) -> Deliveries {
        let SubscriptionPlan {
            kind,
            interest,
            snapshot,
            position,
        } = plan;
        Deliveries {
            service: self.clone(),
            kind,
            interest,
            snapshot: self.recorded(snapshot, position).into(),
            stored: VecDeque::new(),
            position,
            source: Source::Unjoined,
        }
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

impl Stream for Deliveries {
    type Item = Result<Delivery, DisconnectReason>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let deliver = |event, missed, snapshot| {
            Poll::Ready(Some(Ok(Delivery {
                event,
                missed,
                snapshot,
            })))
        };
        loop {
            if let Some(event) = this.snapshot.pop_front() {
                return deliver(event, 0, true);
            }
            if let Some(event) = this.stored.pop_front() {
                return deliver(event, 0, false);
            }
            let end = match &mut this.source {
                Source::Unjoined => {
                    this.join();
                    continue;
                }
                Source::Hub(reader) => match ready!(reader.poll_next(cx)) {
                    Ok((event, missed)) => return deliver(event, missed, false),
                    Err(ReaderClosed::Gap(position)) => {
                        // The reader may have joined ahead of the hub, at a later position.
                        if position.seq > this.position.seq {
                            this.position = position;
                        }
                        this.source = Source::Unjoined;
                        continue;
                    }
                    Err(ReaderClosed::Disconnected(reason)) => reason,
                },
                Source::Tables(page) => match ready!(page.poll_unpin(cx)) {
                    Ok((page, up_to)) => {
                        this.position = up_to;
                        this.stored = page.into();
                        this.source = Source::Unjoined;
                        continue;
                    }
                    Err(reason) => reason,
                },
                Source::Ended => return Poll::Ready(None),
            };
            this.source = Source::Ended;
            return Poll::Ready(Some(Err(end)));
        }
    }
}

impl Deliveries {
    /// Joins the hub, or reads the next page of events that the hub no longer keeps.
    fn join(&mut self) {
        let reader = self.service.hub.join(self.interest.clone(), self.position);
        self.source = if let Some(reader) = reader {
            Source::Hub(reader)
        } else {
            let reader = TableReader {
                service: self.service.clone(),
                kind: self.kind,
                interest: self.interest.clone(),
                position: self.position,
            };
            Source::Tables(async move { reader.read().await }.boxed())
        };
    }
}

/// Reads the events of a subscription from the database.
struct TableReader {
    service: Service,
    kind: SubscriptionKind,
    interest: Interest,
    /// The position after which events are read.
    position: Position,
}

impl TableReader {
    /// Reads a page; an empty one, after a delay, if the read fails.
    async fn read(&self) -> Result<Page, DisconnectReason> {
        if let Some(reason) = self.interest.disconnect.reason() {
            return Err(reason);
        }
        let end = self.service.hub.position();
        match self.page(end).await {
            Ok(page) => page.ok_or(DisconnectReason::SlowConsumer),
            Err(error) => {
                tracing::warn!(cause = ?error.cause(), "subscription failed to read events; retrying");
                tokio::time::sleep(RETRY_DELAY).await;
                Ok((Events::new(), self.position))
            }
        }
    }

    /// Reads a page of events up to `end`. Returns them with the position up to which they are
    /// complete, or `None` if some were deleted.
    async fn page(&self, end: Position) -> Result<Option<Page>, Error> {
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
