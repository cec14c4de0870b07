//! Tells one subscriber what it follows.
//!
//! One invariant: the snapshot, what is read from the database and what the hub tells meet without a gap and without a
//! repeat: the database is read up to a place that the hub still knows, and the hub is joined there.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use entity::{Event, Position, Price};
use futures_util::{Stream, stream};

use super::{Error, Following, Service, subscription_plan::Kind};
use crate::live::{Dismissed, Happened, Interest, Parted, Reader};

/// Some events on end, in feed order.
type Page = Vec<Arc<Happened>>;

/// How long to wait before a failing database is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// Something to tell a subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What happened.
    pub(crate) happened: Arc<Happened>,
    /// How many events were skipped between the one told before and this.
    pub(crate) missed: u64,
    /// Whether it is part of what the subscription begins with.
    pub(crate) snapshot: bool,
}

/// How far a subscriber has been told.
struct Telling {
    service: Service,
    kind: Kind,
    interest: Interest,
    /// The rest of the snapshot.
    snapshot: VecDeque<Arc<Happened>>,
    /// The rest of what was read from the database.
    stored: VecDeque<Arc<Happened>>,
    /// After which place the database is read next.
    position: Position,
    /// The place in the hub, once it was joined.
    reader: Option<Reader>,
}

impl Service {
    /// Tells a subscriber everything; the stream ends after an `Err`, when nothing more can be told.
    pub(crate) fn tell(
        &self,
        following: Following,
    ) -> impl Stream<Item = Result<Told, Dismissed>> + Send + use<> {
        let Following {
            kind,
            interest,
            snapshot,
            position,
        } = following;
        let snapshot = self.recorded(snapshot, position).into();
        let telling = Telling {
            service: self.clone(),
            kind,
            interest,
            snapshot,
            stored: VecDeque::new(),
            position,
            reader: None,
        };
        stream::unfold(Some(telling), |telling| async move {
            let mut telling = telling?;
            let told = telling.next().await;
            let goes_on = told.is_ok().then_some(telling);
            Some((told, goes_on))
        })
    }

    /// Prices as the events that recorded them.
    fn recorded(&self, prices: Vec<Price>, end: Position) -> Vec<Arc<Happened>> {
        let ids: Vec<i64> = prices.iter().map(|price| price.stock_id).collect();
        let stocks = self.stocks_by_id(&ids);
        let happened = prices.into_iter().filter_map(|price| {
            let stock = stocks.get(&price.stock_id)?.clone();
            let end = Position {
                recorded_at: price.recorded_at,
                ..end
            };
            Some(Arc::new(Happened::within(
                end,
                Event::QuoteRecorded { price, stock },
            )))
        });
        happened.collect()
    }
}

impl Telling {
    async fn next(&mut self) -> Result<Told, Dismissed> {
        loop {
            if let Some(happened) = self.snapshot.pop_front() {
                return Ok(Told {
                    happened,
                    missed: 0,
                    snapshot: true,
                });
            }
            if let Some(happened) = self.stored.pop_front() {
                return Ok(Told {
                    happened,
                    missed: 0,
                    snapshot: false,
                });
            }
            if let Some(reader) = &mut self.reader {
                match reader.next().await {
                    Ok((happened, missed)) => {
                        return Ok(Told {
                            happened,
                            missed,
                            snapshot: false,
                        });
                    }
                    Err(Parted::Dismissed(reason)) => return Err(reason),
                    Err(Parted::Cut(position)) => {
                        self.reader = None;
                        // It joined ahead of the hub if it has read more than the hub.
                        if position.seq > self.position.seq {
                            self.position = position;
                        }
                    }
                }
            }
            self.reader = self.service.hub.join(self.interest.clone(), self.position);
            if self.reader.is_none() {
                // Boxed, because few subscribers need it, and all would carry the room for it.
                Box::pin(self.read_on()).await?;
            }
        }
    }

    /// Reads the next page of what the hub no longer knows.
    async fn read_on(&mut self) -> Result<(), Dismissed> {
        if let Some(reason) = self.interest.dismissal.reason() {
            return Err(reason);
        }
        let end = self.service.hub.position();
        match self.page(end).await {
            Ok(Some((page, up_to))) => {
                self.position = up_to;
                self.stored = page.into();
            }
            Ok(None) => return Err(Dismissed::Lagging),
            Err(error) => {
                tracing::warn!(cause = ?error.cause(), "a subscriber waits for the database");
                tokio::time::sleep(RETRY).await;
            }
        }
        Ok(())
    }

    /// What came next up to `end`, and up to where that is all; `None` if some of it was dropped.
    async fn page(&self, end: Position) -> Result<Option<(Page, Position)>, Error> {
        let connection = self.service.store.database.read();
        let limit = self.service.hub.bounds().page;
        let (stocks, from) = (self.interest.stocks.as_deref(), self.position);
        let (mut page, mut up_to) = if self.kind == Kind::Alerts {
            (Page::new(), end)
        } else {
            let read = || store::price::after(connection, stocks, from, end, limit);
            let read = self.service.read(read).await?;
            (self.service.recorded(read.prices, end), read.up_to)
        };
        if self.kind != Kind::Prices {
            // Of the range that the prices read so far cover.
            let to = up_to;
            let read = || store::alert::between(connection, stocks, from, to, limit);
            let alerts = self.service.read(read).await?;
            let is_cut = alerts.len() == limit as usize;
            let fired: Page = alerts
                .into_iter()
                .map(|alert| {
                    let end = Position {
                        recorded_at: alert.recorded_at(),
                        ..end
                    };
                    Arc::new(Happened::within(end, Event::AlertFired { alert }))
                })
                .collect();
            if let Some(last) = fired.last().filter(|_| is_cut) {
                up_to = last.position;
                page.retain(|happened| happened.position.seq <= up_to.seq);
            }
            page.extend(fired);
            page.sort_unstable_by_key(|happened| happened.position.seq);
        }
        // Asked after reading: what was there when it was read is told.
        let lost = self.service.is_lost(self.kind, stocks, self.position);
        Ok((!lost.await?).then_some((page, up_to)))
    }
}
