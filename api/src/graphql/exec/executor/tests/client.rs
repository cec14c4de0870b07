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

use super::simulation::{SYMBOLS, Simulation};
use crate::{
    auth::Viewer,
    live::{BacklogLimits, Backpressure, DisconnectSignal, HubReader, Interest, MaxEventSize},
};

/// Equivalent documents with different selections: some share a group, others do not. The last ones
/// have no plan.
const PRICES: [&str; 5] = [
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { event: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { symbol price cursor } }",
    "subscription Other($m: DeliveryMode, $a: Cursor, $s: [Symbol!]) { event: priceUpdates(mode: $m, symbols: $s, \
     after: $a) { symbol price cursor } }",
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { event: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { ...P } } fragment P on Price { cursor price changePercent symbol volume }",
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { event: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { symbol price cursor stock { latestPrice { price } } } }",
    "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) { event: priceUpdates(symbols: $s, after: $a, mode: $m) \
     { symbol price cursor stock { alerts(first: 1) { nodes { deliveries { state } } } } } }",
];
const ALERTS: [&str; 3] = [
    "subscription($s: [Symbol!], $a: Cursor) { event: alerts(symbols: $s, after: $a) { symbol price cursor } }",
    "subscription($s: [Symbol!], $a: Cursor) { event: alerts(symbols: $s, after: $a) { id cursor symbol price \
     direction stock { symbol } } }",
    "subscription($s: [Symbol!], $a: Cursor) { event: alerts(symbols: $s, after: $a) { symbol price cursor deliveries \
     { state } } }",
];

pub(super) struct Client {
    simulation: Arc<Simulation>,
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
    pub(super) fn draw(simulation: &Arc<Simulation>, mut random: SeededRandom) -> Self {
        let symbols = random.percent(60).then(|| {
            let drawn = (0..random.between(1, 3)).map(|_| random.choose(&SYMBOLS[..4]).to_owned());
            drawn.collect::<BTreeSet<_>>()
        });
        let kind = random.between(1, 10);
        let selection = Selection {
            symbols: symbols.filter(|_| kind < 10),
            prices: !matches!(kind, 7..10),
            alerts: kind >= 7,
            conflates: kind < 4,
            snapshot: kind < 7,
        };
        Self {
            simulation: Arc::clone(simulation),
            random,
            selection,
            sessions: Vec::new(),
            cursor: None,
        }
    }

    /// Returns its selection and its sessions.
    pub(super) async fn run(mut self) -> (Selection, Vec<Session>) {
        // Some start at the beginning, others when prices exist.
        let starts_at = self.random.between(0, 6);
        let mut written = self.simulation.written();
        let started = written.wait_for(|written| written.is_none_or(|now| now >= starts_at));
        started.await.expect("the writer runs");
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
        let earliest = self.simulation.hub.position().seq;
        let mut source = self.open().await;
        let begun = (earliest, self.simulation.end().await.seq);
        let mut session = Session {
            after: self.cursor.as_ref().map(|(seq, _)| *seq),
            begun,
            received: Vec::new(),
            end: SessionEnd::Interrupted,
        };
        let disconnects_after = self.random.percent(60).then(|| self.random.between(0, 12));
        let mut written = self.simulation.written();
        let is_over = loop {
            if disconnects_after.is_some_and(|count| session.received.len() >= count)
                && !self.is_plain()
            {
                // Disconnects at any moment.
                let _ = self.receive(&mut source).now_or_never();
                break false;
            }
            if self.random.percent(15) {
                // Reads nothing while this many batches are written.
                let until = (*written.borrow()).map_or(0, |now| now + self.random.between(1, 6));
                let enough = written.wait_for(|written| written.is_none_or(|now| now >= until));
                enough.await.expect("the writer runs");
            }
            let is_written = written.borrow_and_update().is_none();
            if is_written {
                let last = self.simulation.oracle().last(&self.selection);
                let last_received = session
                    .received
                    .last()
                    .map(|received| received.seq)
                    .or(session.after);
                match last_received {
                    Some(seq) if seq >= last => break true,
                    // The session may have started before or after the last write.
                    None if !self.selection.snapshot && begun.1 >= last => break begun.0 >= last,
                    _ => {}
                }
            }
            let received = tokio::select! {
                received = self.receive(&mut source) => received,
                _ = written.changed(), if !is_written => continue,
            };
            let Some((received, cursor)) = received else {
                session.end = SessionEnd::Overloaded(self.simulation.hub.limits().max_events);
                break self.is_plain();
            };
            self.cursor = cursor.map(|cursor| (received.seq, cursor));
            session.received.push(received);
        };
        if is_over && !session.is_overloaded() {
            assert_eq!(
                self.receive(&mut source).now_or_never(),
                None,
                "the client has received everything"
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
            } = self.simulation.hub.limits();
            let interest = Interest {
                generation: self.simulation.hub.generation(),
                stocks: None,
                prices: true,
                alerts: true,
                rules: false,
                backpressure: Backpressure::Disconnect {
                    max_events,
                    max_bytes,
                },
                disconnect: DisconnectSignal::default(),
                max_event_size: MaxEventSize::default(),
            };
            let reader = self
                .simulation
                .hub
                .join(interest, self.simulation.hub.position());
            return Source::Plain(reader.expect("the hub keeps its own position"));
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
        let begun = self
            .simulation
            .executor
            .subscribe(request, Viewer::Admin)
            .await;
        Source::Graphql(begun.unwrap_or_else(|errors| panic!("{errors:?}")))
    }

    /// Returns the next event and its cursor, if it has one; `None` if the client was disconnected.
    async fn receive(&self, source: &mut Source) -> Option<(Received, Option<String>)> {
        match source {
            Source::Graphql(subscription) => match subscription.next().await {
                Some(Item::Next(event)) => {
                    let (received, cursor) = read(&event.body);
                    assert_eq!(
                        received.missed, event.missed,
                        "the metric counts what the client is sent"
                    );
                    Some((received, Some(cursor)))
                }
                Some(Item::End(End::Overloaded)) => {
                    assert!(subscription.next().await.is_none(), "nothing follows");
                    None
                }
                end => panic!("the subscription ended with {end:?}"),
            },
            Source::Plain(reader) => {
                let (event, missed) = reader.next().await.ok()?;
                let (symbol, price) = match &event.event {
                    entity::Event::QuoteRecorded { price, .. } => (&price.symbol, price.price),
                    entity::Event::AlertFired { alert } => (&alert.symbol, alert.price),
                    other => panic!("no client receives {other:?}"),
                };
                let received = Received {
                    seq: event.position.seq,
                    symbol: symbol.to_string(),
                    price,
                    snapshot: false,
                    missed,
                };
                Some((received, None))
            }
        }
    }
}

/// Parses the body of an event.
fn read(body: &[u8]) -> (Received, String) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    assert!(body.get("errors").is_none(), "{body}");
    let event = &body["data"]["event"];
    let cursor = event["cursor"].as_str().expect("a cursor").to_owned();
    let Ok(Cursor::Feed(position)) = Cursor::decode(&cursor) else {
        panic!("{cursor} is not the cursor of an event");
    };
    let delivery = &body["extensions"]["delivery"];
    let received = Received {
        seq: position.seq,
        symbol: event["symbol"].as_str().expect("a symbol").to_owned(),
        price: event["price"]
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
        delivery.get("missed").is_none() || received.missed > 0,
        "{body}"
    );
    (received, cursor)
}
