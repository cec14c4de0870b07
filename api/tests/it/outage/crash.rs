//! All processes are killed fifty times under load.

use std::{collections::BTreeMap, fmt::Write, fs, time::Duration};

use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::acknowledged_writes::AcknowledgedWrites;
use crate::{
    answer::browser,
    client::Client,
    databases::on_both,
    process::PATIENCE,
    product::{ADMIN, Product},
};

/// Number of kills.
const CYCLES: usize = 50;
/// Symbols that clients track and untrack.
const TOGGLED: usize = 8;
/// Number of clients that do so.
const WRITERS: usize = 2;
const PRICES: &str = "subscription($after: Cursor) { priceUpdates(after: $after, mode: ALL) { symbol price recordedAt cursor } }";
const ALERTS: &str = "subscription($after: Cursor) { alerts(after: $after) { symbol threshold triggeredAt cursor } }";

on_both! {
    async fn fifty_kills_lose_and_duplicate_nothing(home) {
        let file = home.folder.path().join("days.csv");
        fs::write(&file, days()).expect("written");
        let variables = [
            ("REPLAY_FILE", file.to_str().expect("a path")),
            ("REPLAY_SPEED", "40"),
            ("DEFAULT_SYMBOLS", "AAA,BBB"),
            ("ADMIN_TOKEN", ADMIN),
        ];
        let mut received = Received::default();
        let mut acknowledged = BTreeMap::new();
        for cycle in 0..CYCLES {
            let mut product = home.start(&variables).await;
            received.connect(&product, 2 + cycle % 3).await;
            let over = CancellationToken::new();
            let (_writers, mut outcomes) = toggle_symbols(&product, cycle, &over);
            received.receive(cycle % 4).await;
            loop {
                let write = timeout(PATIENCE, outcomes.recv()).await.expect("a write in time");
                let (symbol, tracked) = write.expect("a running writer");
                acknowledged.insert(symbol, tracked);
                if tracked.is_some() {
                    break;
                }
            }
            // At a different moment of the work in flight each time.
            sleep(Duration::from_millis((cycle * 7 % 40) as u64)).await;
            product.api.kill();
            // Another process may get the port soon.
            over.cancel();
            if let Some(tracker) = &mut product.tracker {
                tracker.kill();
            }
            received.disconnect();
            while let Some((symbol, tracked)) = outcomes.recv().await {
                acknowledged.insert(symbol, tracked);
            }
        }
        let database = home.database.connect().await;
        let writes = AcknowledgedWrites::read(&database).await;
        writes.assert_feed_is_complete();
        writes.assert_alerts_match_prices();
        writes.assert_received(&received.prices, "prices");
        writes.assert_received(&received.alerts, "alerts");
        assert!(received.prices.len() > CYCLES && received.alerts.len() > CYCLES, "enough events");
        // The last write of each symbol was acknowledged, or its outcome is unknown.
        let known = acknowledged.iter().filter_map(|(symbol, tracked)| Some((symbol, (*tracked)?)));
        assert!(known.clone().count() > 0, "{acknowledged:?}");
        for (symbol, tracked) in known {
            assert_eq!(writes.stocks[symbol].tracked, tracked, "{symbol}");
        }
    }
}

/// A replay file of two symbols that move by more than 5 percent each day, and of symbols that
/// clients track.
fn days() -> String {
    let first: chrono::NaiveDate = "1990-01-01".parse().expect("a date");
    let mut file = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    for (day, date) in first.iter_days().take(8_000).enumerate() {
        for (symbol, closes) in [("AAA", ["100", "107.5"]), ("BBB", ["50.25", "47"])] {
            let close = closes[day % 2];
            writeln!(
                file,
                "{symbol},{date},{close},{close},{close},{close},1000,{close}"
            )
            .expect("memory");
        }
    }
    for number in 0..TOGGLED {
        writeln!(file, "T{number},2050-01-03,1,1,1,1,1,1").expect("memory");
    }
    file
}

/// Starts clients that track and untrack symbols until their server is gone. Sends the acknowledged
/// state of each symbol, or `None` while a write is not acknowledged.
fn toggle_symbols(
    product: &Product,
    cycle: usize,
    over: &CancellationToken,
) -> (JoinSet<()>, mpsc::UnboundedReceiver<(String, Option<bool>)>) {
    let mut writers = JoinSet::new();
    let (sender, outcomes) = mpsc::unbounded_channel();
    let url = product.url("/graphql");
    for of in 0..WRITERS {
        let (url, over, sender) = (url.clone(), over.clone(), sender.clone());
        writers.spawn(async move {
            let client = browser();
            // Starts at a different symbol in each cycle, so that a short cycle does not leave one
            // unknown.
            for step in cycle.. {
                // Each writer has its own symbols, and toggles one on each visit.
                let symbol = format!("T{}", (step * WRITERS + of) % TOGGLED);
                let wanted = (step * WRITERS / TOGGLED).is_multiple_of(2);
                let field = if wanted { "trackStock" } else { "untrackStock" };
                let query = format!(
                    "mutation {{ {field}(input: {{symbol: \"{symbol}\"}}) {{ stock {{ tracked }} }} }}"
                );
                let request = client
                    .post(&url)
                    .bearer_auth(ADMIN)
                    .json(&json!({"query": query}));
                if sender.send((symbol.clone(), None)).is_err() {
                    return;
                }
                let asked = async { request.send().await?.json::<Value>().await };
                let Some(Ok(answer)) = over.run_until_cancelled(asked).await else {
                    return;
                };
                let known = answer["data"][field]["stock"]["tracked"] == wanted;
                if known && sender.send((symbol, Some(wanted))).is_err() {
                    return;
                }
            }
        });
    }
    (writers, outcomes)
}

/// The events that a client received over all its connections.
#[derive(Default)]
struct Received {
    client: Option<Client>,
    prices: Vec<Value>,
    alerts: Vec<Value>,
}

impl Received {
    /// Resumes with the last cursors, and receives at least `count` prices and an alert.
    async fn connect(&mut self, product: &Product, count: usize) {
        let mut client = Client::graphql(product, json!({})).await;
        for (id, query, received) in [("p", PRICES, &self.prices), ("a", ALERTS, &self.alerts)] {
            // Alerts start where prices do, so that none is missed.
            let last = received.last().or(self.prices.first());
            let after = last.map(|event| event["cursor"].clone());
            client.subscribe(id, query, json!({"after": after})).await;
        }
        self.client = Some(client);
        self.receive(count).await;
    }

    async fn receive(&mut self, count: usize) {
        let client = self.client.as_mut().expect("connected");
        let wanted = (self.prices.len() + count, self.alerts.len() + count.min(1));
        while self.prices.len() < wanted.0 || self.alerts.len() < wanted.1 {
            let mut message = client.receive().await;
            assert_eq!(message["type"], "next", "{message}");
            let mut data = message["payload"]["data"].take();
            if message["payload"]["extensions"]["delivery"]["snapshot"] == true {
                assert!(
                    self.prices.len() < 2,
                    "only the first connection gets a snapshot"
                );
            }
            match message["id"].as_str() {
                Some("p") => self.prices.push(data["priceUpdates"].take()),
                _ => self.alerts.push(data["alerts"].take()),
            }
        }
    }

    fn disconnect(&mut self) {
        self.client = None;
    }
}
