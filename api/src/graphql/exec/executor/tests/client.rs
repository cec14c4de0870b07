//! A client that reads, stalls, disconnects at any moment and resumes with its last cursor.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Request, Variables};
use entity::Cursor;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use testkit::{
    SeededRandom,
    oracle::{Received, Selection, Session, SessionEnd},
};
use transport::{End, Item, Service, SubscriptionStream};

use super::world::{SYMBOLS, World};
use crate::{
    auth::Viewer,
    live::{BacklogLimits, Backpressure, DisconnectSignal, HubReader, Interest, MaxEventSize},
};

/// Equivalent documents with different selections: some share a group, others do not.
const PRICES: [&str; 4] = [
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { told: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { symbol price cursor } }",
    "subscription Other($m: DeliveryMode, $a: Cursor, $s: [Symbol!]) { told: priceUpdates(mode: $m, symbols: $s, \
     after: $a) { symbol price cursor } }",
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { told: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { ...P } } fragment P on Price { cursor price changePercent symbol volume }",
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { told: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { symbol price cursor stock { latestPrice { price } } } }",
];
const ALERTS: [&str; 2] = [
    "subscription($s: [Symbol!], $a: Cursor) { told: alerts(symbols: $s, after: $a) { symbol price cursor } }",
    "subscription($s: [Symbol!], $a: Cursor) { told: alerts(symbols: $s, after: $a) { id cursor symbol price \
     direction stock { symbol } } }",
];

pub(super) struct Client {
    world: Arc<World>,
    random: SeededRandom,
    selection: Selection,
    sessions: Vec<Session>,
    /// The position and cursor to resume after.
    cursor: Option<(i64, String)>,
}

/// The stream of events that the client reads.
enum Source {
    Graphql(SubscriptionStream),
    /// Reads the hub as `/ws` does without a cursor.
    Plain(HubReader),
}

impl Client {
    pub(super) fn draw(world: &Arc<World>, mut random: SeededRandom) -> Self {
        let some = random.percent(60).then(|| {
            let drawn = (0..random.between(1, 3)).map(|_| random.choose(&SYMBOLS[..4]).to_owned());
            drawn.collect::<BTreeSet<_>>()
        });
        let kind = random.between(1, 10);
        let selection = Selection {
            symbols: some.filter(|_| kind < 10),
            prices: !matches!(kind, 7..10),
            alerts: kind >= 7,
            conflates: kind < 4,
            snapshot: kind < 7,
        };
        Self {
            world: Arc::clone(world),
            random,
            selection,
            sessions: Vec::new(),
            cursor: None,
        }
    }

    /// Returns its selection and its sessions.
    pub(super) async fn live(mut self) -> (Selection, Vec<Session>) {
        // Some start at the beginning, others when prices exist.
        let begins = self.random.between(0, 6);
        let mut written = self.world.written();
        let begun = written.wait_for(|written| written.is_none_or(|now| now >= begins));
        begun.await.expect("the world goes on");
        for _ in 0..self.random.between(0, 15) {
            tokio::task::yield_now().await;
        }
        while !self.session().await {}
        (self.selection, self.sessions)
    }

    fn is_plain(&self) -> bool {
        self.selection.prices && self.selection.alerts
    }

    /// Runs one session. Returns whether it was the last.
    async fn session(&mut self) -> bool {
        let earliest = self.world.hub.position().seq;
        let mut source = self.open().await;
        let begun = (earliest, self.world.end().await.seq);
        let mut session = Session {
            after: self.cursor.as_ref().map(|(seq, _)| *seq),
            begun,
            received: Vec::new(),
            end: SessionEnd::Interrupted,
        };
        let leaves_after = self.random.percent(60).then(|| self.random.between(0, 12));
        let mut written = self.world.written();
        let is_over = loop {
            if leaves_after.is_some_and(|count| session.received.len() >= count) && !self.is_plain()
            {
                // Disconnects at any moment.
                let _ = self.receive(&mut source).now_or_never();
                break false;
            }
            if self.random.percent(15) {
                // Reads nothing while this many batches are written.
                let until = (*written.borrow()).map_or(0, |now| now + self.random.between(1, 6));
                let enough = written.wait_for(|written| written.is_none_or(|now| now >= until));
                enough.await.expect("the world goes on");
            }
            let is_written = written.borrow_and_update().is_none();
            if is_written {
                let last = self.world.tables().last(&self.selection);
                let heard = session
                    .received
                    .last()
                    .map(|heard| heard.seq)
                    .or(session.after);
                match heard {
                    Some(heard) if heard >= last => break true,
                    // The session may have started before or after the last write.
                    None if !self.selection.snapshot && begun.1 >= last => break begun.0 >= last,
                    _ => {}
                }
            }
            let heard = tokio::select! {
                heard = self.receive(&mut source) => heard,
                _ = written.changed(), if !is_written => continue,
            };
            let Some((heard, cursor)) = heard else {
                session.end = SessionEnd::Overloaded(self.world.hub.limits().max_events);
                break self.is_plain();
            };
            self.cursor = cursor.map(|cursor| (heard.seq, cursor));
            session.received.push(heard);
        };
        if is_over && !session.is_overloaded() {
            assert_eq!(
                self.receive(&mut source).now_or_never(),
                None,
                "there is nothing more"
            );
            session.end = SessionEnd::Complete;
        }
        self.sessions.push(session);
        is_over
    }

    async fn open(&mut self) -> Source {
        if self.is_plain() {
            let BacklogLimits {
                max_events,
                max_bytes,
                ..
            } = self.world.hub.limits();
            let interest = Interest {
                generation: self.world.hub.generation(),
                stocks: None,
                prices: true,
                alerts: true,
                backpressure: Backpressure::Disconnect {
                    max_events,
                    max_bytes,
                },
                disconnect: DisconnectSignal::default(),
                max_event_size: MaxEventSize::default(),
            };
            let reader = self.world.hub.join(interest, self.world.hub.position());
            return Source::Plain(reader.expect("the hub knows where it is"));
        }
        let query = if self.selection.prices {
            self.random.choose(&PRICES)
        } else {
            self.random.choose(&ALERTS)
        };
        let mode = if self.selection.conflates {
            "LATEST"
        } else {
            "ALL"
        };
        let variables = json!({
            "s": self.selection.symbols,
            "a": self.cursor.as_ref().map(|(_, text)| text),
            "m": mode,
        });
        let request = Request::new(query).variables(Variables::from_json(variables));
        let begun = self.world.executor.subscribe(request, Viewer::Reader).await;
        Source::Graphql(begun.unwrap_or_else(|errors| panic!("{errors:?}")))
    }

    /// Returns the next event and its cursor, if it has one; `None` if the client was disconnected.
    async fn receive(&self, source: &mut Source) -> Option<(Received, Option<String>)> {
        match source {
            Source::Graphql(subscription) => match subscription.next().await {
                Some(Item::Next(event)) => {
                    let (heard, cursor) = read(&event.body);
                    assert_eq!(heard.missed, event.missed, "it is counted as it is told");
                    Some((heard, Some(cursor)))
                }
                Some(Item::End(End::Overloaded)) => {
                    assert!(subscription.next().await.is_none(), "nothing follows");
                    None
                }
                end => panic!("nobody ended it, but: {end:?}"),
            },
            Source::Plain(reader) => {
                let (happened, missed) = reader.next().await.ok()?;
                let (symbol, price) = match &happened.event {
                    entity::Event::QuoteRecorded { price, .. } => (&price.symbol, price.price),
                    entity::Event::AlertFired { alert } => (&alert.symbol, alert.price),
                    other @ entity::Event::StockChanged { .. } => {
                        panic!("nobody is told {other:?}")
                    }
                };
                let heard = Received {
                    seq: happened.position.seq,
                    symbol: symbol.to_string(),
                    price,
                    snapshot: false,
                    missed,
                };
                Some((heard, None))
            }
        }
    }
}

/// Parses the body of an event.
fn read(body: &[u8]) -> (Received, String) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    assert!(body.get("errors").is_none(), "{body}");
    let told = &body["data"]["told"];
    let cursor = told["cursor"].as_str().expect("a cursor").to_owned();
    let Ok(Cursor::Feed(position)) = Cursor::decode(&cursor) else {
        panic!("{cursor} is no cursor of an event");
    };
    let delivery = &body["extensions"]["delivery"];
    let heard = Received {
        seq: position.seq,
        symbol: told["symbol"].as_str().expect("a symbol").to_owned(),
        price: told["price"]
            .as_str()
            .expect("text")
            .parse()
            .expect("a price"),
        snapshot: delivery.get("snapshot").is_some_and(|it| it == true),
        missed: delivery
            .get("missed")
            .map_or(0, |missed| missed.as_u64().expect("a count")),
    };
    assert!(
        delivery.get("missed").is_none() || heard.missed > 0,
        "{body}"
    );
    (heard, cursor)
}
