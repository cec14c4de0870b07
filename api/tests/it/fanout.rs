//! A randomized test: subscribers over real sockets and every protocol lose nothing, however often
//! they are cut off.

use std::{collections::BTreeSet, fs, sync::Arc, time::Duration};

use entity::{Cursor, Decimal};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use testkit::oracle::{Oracle, Received, RowContent, Selection, Session, SessionEnd};
use testkit::{SeededRandom, TestDatabaseUrl};
use tokio::{sync::watch, time::timeout};

use crate::{
    client::Client,
    process::PATIENCE,
    product::{Home, Product},
};

const SYMBOLS: [&str; 5] = ["AAPL", "BRK.A", "GOOG", "IBM", "MSFT"];
/// Number of runs on each database. Timing also affects what happens in one.
const SEEDS: u64 = 2;
const CLIENTS: u64 = 20;
const DAYS: u64 = 120;
/// Maximum number of queued events of a client that needs all events.
const BEHIND: usize = 1000;
/// Trading days a second.
const SPEED: &str = "40";

const PRICES: &str = "subscription($s: [Symbol!], $a: Cursor, $m: DeliveryMode) {
    event: priceUpdates(symbols: $s, after: $a, mode: $m) { symbol price cursor } }";
const ALERTS: &str = "subscription($s: [Symbol!], $a: Cursor) {
    event: alerts(symbols: $s, after: $a) { symbol price cursor } }";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Modern,
    Legacy,
    Stream,
    Plain,
    /// The plain WebSocket with symbols and a cursor.
    Resuming,
}

/// An open connection.
enum Wire {
    Socket(Client, Protocol),
    Stream(reqwest::Response, String),
}

/// The last stored event of a selection: its position, and its content on the plain WebSocket.
type Last = Arc<dyn Fn(&Selection) -> (i64, bool, String, Decimal) + Send + Sync>;

struct Life<'a> {
    product: &'a Product,
    random: SeededRandom,
    protocol: Protocol,
    selection: Selection,
    over: watch::Receiver<Option<Last>>,
    cursor: Option<String>,
    sessions: Vec<Session>,
    /// For each event received on the plain WebSocket, whether it is an alert.
    alerts: Vec<bool>,
}

impl<'a> Life<'a> {
    fn draw(
        product: &'a Product,
        mut random: SeededRandom,
        over: watch::Receiver<Option<Last>>,
    ) -> Self {
        let protocol = random.choose(&[
            Protocol::Modern,
            Protocol::Modern,
            Protocol::Legacy,
            Protocol::Stream,
            Protocol::Plain,
            Protocol::Resuming,
        ]);
        let plain = matches!(protocol, Protocol::Plain | Protocol::Resuming);
        let alerts = random.percent(30);
        let some = (0..3).map(|_| random.choose(&SYMBOLS).to_owned());
        let some: BTreeSet<_> = some.collect();
        let selection = Selection {
            symbols: match protocol {
                Protocol::Plain => None,
                // Any parameter turns on cursors.
                Protocol::Resuming => Some(some),
                _ => random.percent(60).then_some(some),
            },
            prices: plain || !alerts,
            alerts: plain || alerts,
            conflates: !plain && !alerts && random.percent(50),
            snapshot: !plain && !alerts,
        };
        Self {
            product,
            random,
            protocol,
            selection,
            over,
            cursor: None,
            sessions: Vec::new(),
            alerts: Vec::new(),
        }
    }

    async fn live(mut self) -> Self {
        while !self.session().await {}
        self
    }

    /// Runs one session. Returns whether it was the last.
    async fn session(&mut self) -> bool {
        let mut wire = self.open().await;
        let mut session = Session {
            after: self
                .sessions
                .iter()
                .flat_map(|it| &it.received)
                .last()
                .map(|it| it.seq),
            begun: (0, i64::MAX),
            received: Vec::new(),
            end: SessionEnd::Interrupted,
        };
        let leaves = self.protocol != Protocol::Plain && self.random.percent(80);
        let leaves_after = self.random.between(0, 60);
        let is_over = loop {
            if leaves && session.received.len() >= leaves_after {
                break false;
            }
            let last = self.over.borrow_and_update().clone();
            if let Some(last) = &last {
                let (seq, is_alert, symbol, price) = last(&self.selection);
                let is_last = |received: &Received| match self.protocol {
                    Protocol::Plain => {
                        received.symbol == symbol
                            && received.price == price
                            && self.alerts.last() == Some(&is_alert)
                    }
                    _ => received.seq == seq,
                };
                if session.received.last().is_some_and(is_last) || session.after == Some(seq) {
                    break true;
                }
                if session.received.is_empty()
                    && session.after.is_none()
                    && !self.selection.snapshot
                {
                    // It joined after the last event.
                    break true;
                }
            }
            if self.random.percent(5) {
                // It does not read for a while.
                let while_away = self.random.choose(&[1, 10, 100, 300]);
                tokio::time::sleep(Duration::from_millis(while_away)).await;
            }
            tokio::select! {
                message = wire.receive() => {
                    if message["errors"][0]["extensions"]["code"] == "UNAVAILABLE" {
                        session.end = SessionEnd::Overloaded(BEHIND);
                        break false;
                    }
                    let received = self.read(&message);
                    session.received.push(received);
                }
                changed = self.over.changed(), if last.is_none() => changed.expect("more"),
            }
        };
        if is_over && !session.received.is_empty() {
            session.end = SessionEnd::Complete;
        }
        self.sessions.push(session);
        is_over
    }

    async fn open(&self) -> Wire {
        let query = if self.selection.prices {
            PRICES
        } else {
            ALERTS
        };
        let mode = if self.selection.conflates {
            "LATEST"
        } else {
            "ALL"
        };
        let mut variables = json!({"s": self.selection.symbols, "a": self.cursor});
        if self.selection.prices {
            variables["m"] = json!(mode);
        }
        let (name, start) = match self.protocol {
            Protocol::Plain => {
                let client = Client::plain(self.product).await;
                return Wire::Socket(client, self.protocol);
            }
            Protocol::Resuming => {
                let symbols = self.selection.symbols.iter().flatten().cloned();
                let symbols = symbols.collect::<Vec<_>>().join(",");
                let after = self.cursor.as_ref().map(|it| format!("&after={it}"));
                let path = format!("/ws?symbols={symbols}{}", after.unwrap_or_default());
                let opened = Client::open(self.product, &path, &[]).await;
                return Wire::Socket(opened.expect("accepted"), self.protocol);
            }
            Protocol::Stream => {
                // An `EventSource` repeats its first request and adds the header.
                let resumed = self
                    .cursor
                    .as_ref()
                    .filter(|_| self.sessions.len() % 2 == 1);
                if resumed.is_some() {
                    variables["a"] = Value::Null;
                }
                let request = self.product.post(query, &variables);
                let request = request.header("accept", "text/event-stream");
                let request = resumed
                    .into_iter()
                    .fold(request, |request, id| request.header("last-event-id", id));
                let response = request.send().await.expect("a response");
                assert_eq!(response.status(), 200);
                return Wire::Stream(response, String::new());
            }
            Protocol::Modern => ("graphql-transport-ws", "subscribe"),
            Protocol::Legacy => ("graphql-ws", "start"),
        };
        let header = ("sec-websocket-protocol", name);
        let opened = Client::open(self.product, "/graphql", &[header]).await;
        let mut client = opened.expect("accepted");
        client.init(json!({})).await;
        assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
        let payload = json!({"query": query, "variables": variables});
        client
            .send(&json!({"type": start, "id": "x", "payload": payload}))
            .await;
        Wire::Socket(client, self.protocol)
    }

    fn read(&mut self, message: &Value) -> Received {
        let price = |value: &Value| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.parse().expect("a price")
        };
        if self.protocol == Protocol::Plain {
            let is_alert = message["type"] == "alert";
            self.alerts.push(is_alert);
            let payload = &message["payload"];
            return Received {
                seq: 0,
                symbol: payload["symbol"].as_str().expect("a symbol").to_owned(),
                price: price(&payload[if is_alert { "price" } else { "current_price" }]),
                snapshot: false,
                missed: 0,
            };
        }
        if self.protocol == Protocol::Resuming {
            let payload = &message["payload"];
            let is_alert = message["type"] == "alert";
            return Received {
                seq: self.note(&message["cursor"]),
                symbol: payload["symbol"].as_str().expect("a symbol").to_owned(),
                price: price(&payload[if is_alert { "price" } else { "current_price" }]),
                snapshot: false,
                missed: 0,
            };
        }
        assert!(message.get("errors").is_none(), "{message}");
        let event = &message["data"]["event"];
        let seq = self.note(&event["cursor"]);
        let delivery = &message["extensions"]["delivery"];
        Received {
            seq,
            symbol: event["symbol"].as_str().expect("a symbol").to_owned(),
            price: price(&event["price"]),
            snapshot: delivery["snapshot"] == true,
            missed: delivery["missed"].as_u64().unwrap_or(0),
        }
    }

    /// Stores the cursor of an event, and returns its position.
    fn note(&mut self, cursor: &Value) -> i64 {
        let cursor = cursor.as_str().expect("a cursor");
        let Ok(Cursor::Feed(position)) = Cursor::decode(cursor) else {
            panic!("{cursor} is not the cursor of an event");
        };
        self.cursor = Some(cursor.to_owned());
        position.seq
    }
}

impl Wire {
    /// The next payload; on the plain WebSocket, the next message.
    async fn receive(&mut self) -> Value {
        match self {
            Self::Socket(client, protocol) => loop {
                let mut message = client.receive().await;
                match message["type"].as_str() {
                    _ if matches!(protocol, Protocol::Plain | Protocol::Resuming) => {
                        return message;
                    }
                    Some("next" | "data") => return message["payload"].take(),
                    Some("ka") => {}
                    _ => panic!("{message}"),
                }
            },
            Self::Stream(response, text) => loop {
                if let Some((event, rest)) = text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    *text = rest;
                    if let Some(event) = event.strip_prefix("event: next\n") {
                        let (id, data) = match event.strip_prefix("id: ") {
                            Some(event) => event.split_once('\n').expect("data"),
                            None => ("", event),
                        };
                        let data = data.strip_prefix("data: ").expect("data");
                        let message: Value = serde_json::from_str(data).expect("JSON");
                        let cursor = &message["data"]["event"]["cursor"];
                        assert_eq!(cursor.as_str().unwrap_or_default(), id, "{message}");
                        return message;
                    }
                    assert_eq!(event, ":");
                    continue;
                }
                let chunk = timeout(PATIENCE, response.chunk())
                    .await
                    .expect("something comes");
                let chunk = chunk.expect("read").expect("not the end");
                text.push_str(std::str::from_utf8(&chunk).expect("text"));
            },
        }
    }
}

/// All prices of a symbol differ. Many fire alerts, and the last of each symbol does.
fn days(mut random: SeededRandom) -> String {
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    let start: chrono::NaiveDate = "2008-01-02".parse().expect("a date");
    let mut cents = [10_000; SYMBOLS.len()];
    for at in 0..DAYS {
        let day = (start + chrono::Days::new(at)).to_string();
        for (symbol, cents) in SYMBOLS.iter().zip(&mut cents) {
            let hundredths = if at == DAYS - 1 {
                11_000
            } else {
                random.between(9_300, 10_700)
            };
            *cents = usize::max(*cents * hundredths / 10_000, 1_000);
            // The last digits make it unique.
            let close = format!("{}.{:02}{at:04}", *cents / 100, *cents % 100);
            let row = [
                symbol, &*day, &close, &close, &close, &close, "1000", &close,
            ];
            file.push_str(&row.join(","));
            file.push('\n');
        }
    }
    file
}

async fn live(seed: u64, place: TestDatabaseUrl) {
    let home = Home::new(place);
    let mut random = SeededRandom::new(seed);
    let file = home.folder.path().join("days.csv");
    fs::write(&file, days(random.split())).expect("written");
    let variables = [
        ("REPLAY_FILE", file.to_str().expect("a path")),
        ("REPLAY_SPEED", SPEED),
        ("REPLAY_LOOP", "false"),
        ("DEFAULT_SYMBOLS", &*SYMBOLS.join(",")),
    ];
    let mut product = home.start(&variables).await;
    let (end, over) = watch::channel(None);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| Life::draw(&product, random.split(), over.clone()))
        .collect();
    let received = stream::iter(clients)
        .map(Life::live)
        .buffer_unordered(usize::MAX);
    let (received, ()) = tokio::join!(received.collect::<Vec<_>>(), async {
        let last = last(&product).await;
        end.send_replace(Some(last));
    });
    let received: Vec<_> = received
        .into_iter()
        .map(|it| (it.protocol, it.selection, it.sessions, it.alerts))
        .collect();
    product.api.signal("TERM");
    assert_eq!(
        product.api.ended().await,
        Some(0),
        "{}",
        product.last_words()
    );
    drop(product);
    let tables = Oracle::read(&home.database.connect().await, &SYMBOLS).await;
    let (prices, alerts) = tables.counts();
    assert!(
        prices > alerts && alerts > SYMBOLS.len(),
        "{prices} prices, {alerts} alerts"
    );
    for (protocol, selection, mut sessions, alerts) in received {
        if protocol == Protocol::Plain {
            for (received, is_alert) in sessions
                .iter_mut()
                .flat_map(|it| &mut it.received)
                .zip(alerts)
            {
                let is = |content: &RowContent| match *content {
                    RowContent::Price(price) => !is_alert && price == received.price,
                    RowContent::Alert(price) => is_alert && price == received.price,
                    RowContent::Tracked(_) => false,
                };
                let mut rows = tables.rows.iter();
                let row = rows.find(|row| row.symbol == received.symbol && is(&row.content));
                received.seq = row
                    .unwrap_or_else(|| panic!("{received:?} is not stored"))
                    .seq;
            }
        }
        if let Err(error) = tables.check(&selection, &sessions) {
            let sessions: String = sessions.iter().map(ToString::to_string).collect();
            panic!("seed {seed}, {protocol:?}: {error}\n{selection:?}\n{sessions}{tables:?}");
        }
        let received = sessions.iter().flat_map(|session| &session.received);
        if let Some(last) = received.last() {
            assert_eq!(
                last.seq,
                tables.last(&selection),
                "seed {seed}: {selection:?}"
            );
        }
        assert!(!sessions.last().expect("one").is_overloaded());
    }
}

/// Waits until the replay has ended, and returns the last events.
async fn last(product: &Product) -> Last {
    let asked = SYMBOLS.iter().enumerate().map(|(at, symbol)| {
        format!(
            r#"s{at}: stock(symbol: "{symbol}") {{ symbol latestPrice {{ tradingDay price cursor }}
            alerts(first: 1) {{ nodes {{ tradingDay price cursor }} }} }}"#
        )
    });
    let query = format!("{{ {} }}", asked.collect::<String>());
    let start: chrono::NaiveDate = "2008-01-02".parse().expect("a date");
    let day = (start + chrono::Days::new(DAYS - 1)).to_string();
    let ended = |data: &Value| {
        let mut last = Vec::new();
        for stock in data.as_object()?.values() {
            let symbol = stock["symbol"].as_str()?.to_owned();
            for (event, is_alert) in [
                (&stock["latestPrice"], false),
                (&stock["alerts"]["nodes"][0], true),
            ] {
                if event["tradingDay"] != day.as_str() {
                    return None;
                }
                let Ok(Cursor::Feed(place)) = Cursor::decode(event["cursor"].as_str()?) else {
                    return None;
                };
                let price: Decimal = event["price"].as_str()?.parse().ok()?;
                last.push((place.seq, is_alert, symbol.clone(), price));
            }
        }
        last.sort_by_key(|(seq, ..)| *seq);
        Some(last)
    };
    let last = product.until_data("the replay ends", &query, ended).await;
    Arc::new(move |selection: &Selection| {
        let selected = |(_, is_alert, symbol, _): &&(i64, bool, String, Decimal)| {
            let kind = if *is_alert {
                selection.alerts
            } else {
                selection.prices
            };
            kind && selection
                .symbols
                .as_ref()
                .is_none_or(|it| it.contains(symbol))
        };
        let last = last.iter().rev().find(selected);
        last.expect("every symbol has both").clone()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_over_real_sockets_lose_nothing_on_sqlite() {
    for seed in 0..SEEDS {
        live(seed, TestDatabaseUrl::sqlite()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_over_real_sockets_lose_nothing_on_postgresql() {
    for seed in 0..SEEDS {
        live(seed, TestDatabaseUrl::postgres().await).await;
    }
}
