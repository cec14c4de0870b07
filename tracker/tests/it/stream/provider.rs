//! A provider whose stream is real and whose polls are answered by the test.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use entity::Symbol;
use market::PollingHours;
use runtime::config::{AlpacaSettings, FinnhubSettings, KrakenSettings, Secret};
use testkit::{StreamDialect, StreamServer, TestDatabase};
use tracker::{
    StreamSettings,
    provider::{
        Alpaca, Finnhub, Kraken, Pacing, Poll, PollError, QuoteProvider, RequestBudget,
        StreamProtocol,
    },
    quote::{PreviousClose, Quote},
};

use crate::fixture::{Running, World, date, decimal, quote, symbol};

/// How long a test waits while it moves the time of sockets.
const DEADLINE: Duration = Duration::from_mins(3);
/// A step of that time.
const STEP: Duration = Duration::from_millis(500);

/// Streams that store at most one price of a symbol in 100 ms.
pub(super) const STREAMS: StreamSettings = StreamSettings {
    enabled: true,
    interval: Duration::from_millis(100),
};

pub(super) const BTC: &str = "BTC/USD";

/// Each protocol, with a symbol and another one.
pub(super) const DIALECTS: [(StreamDialect, &str, &str); 3] = [
    (StreamDialect::Kraken, BTC, "ETH/USD"),
    (StreamDialect::Finnhub, "AAPL", "MSFT"),
    (StreamDialect::Alpaca, "AAPL", "MSFT"),
];

/// A provider with a stream.
pub(super) struct Streaming {
    inner: Box<dyn QuoteProvider>,
    /// The symbols whose polls fail.
    failing: Mutex<HashSet<Symbol>>,
    polled: Mutex<Vec<Symbol>>,
}

/// A stand-in, a provider that uses it, and a tracker.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) server: StreamServer,
    pub(super) provider: Arc<Streaming>,
}

fn settings(dialect: StreamDialect, server: &StreamServer, secret: &str) -> Box<dyn QuoteProvider> {
    let limit = NonZeroU32::new(60).expect("more than 0");
    let timeout = Duration::from_secs(5);
    let url = "http://127.0.0.1:9/".parse().expect("a URL");
    let clock = runtime::clock::SystemClock::shared();
    match dialect {
        StreamDialect::Kraken => {
            let settings = KrakenSettings {
                url,
                stream_url: server.url(),
                per_second: limit,
                per_minute: limit,
            };
            Box::new(Kraken::new(&settings, timeout, clock).expect("a provider"))
        }
        StreamDialect::Finnhub => {
            let settings = FinnhubSettings {
                api_key: Some(Secret::new(secret)),
                url,
                stream_url: server.url(),
                per_second: limit,
                per_minute: limit,
                stream_symbols: 50,
            };
            Box::new(Finnhub::new(&settings, timeout).expect("a provider"))
        }
        StreamDialect::Alpaca => {
            let settings = AlpacaSettings {
                api_key_id: Some(Secret::new("id")),
                api_secret_key: Some(Secret::new(secret)),
                url,
                stream_url: server.url(),
                per_second: limit,
                per_minute: limit,
                stream_symbols: 30,
            };
            Box::new(Alpaca::new(&settings, timeout, clock).expect("a provider"))
        }
    }
}

impl Stage {
    /// A database that tracks `symbols`, whose polls answer 100 after a close of 98.
    pub(super) async fn new(dialect: StreamDialect, symbols: &[&str]) -> Self {
        Self::with_secret(dialect, symbols, "S3CRET").await
    }

    pub(super) async fn with_secret(
        dialect: StreamDialect,
        symbols: &[&str],
        secret: &str,
    ) -> Self {
        let database = TestDatabase::sqlite().await;
        Self::with(database, dialect, symbols, secret).await
    }

    /// Like [`new`](Self::new), with this database.
    pub(super) async fn on(
        database: TestDatabase,
        dialect: StreamDialect,
        symbols: &[&str],
    ) -> Self {
        Self::with(database, dialect, symbols, "S3CRET").await
    }

    async fn with(
        database: TestDatabase,
        dialect: StreamDialect,
        symbols: &[&str],
        secret: &str,
    ) -> Self {
        let world = World::new(database, symbols).await;
        let server = StreamServer::start(dialect).await;
        let provider = Streaming::new(dialect, &server, secret);
        Self {
            world,
            server,
            provider,
        }
    }

    /// Runs a tracker at any hour.
    pub(super) fn track(&self) -> Running {
        self.track_at(PollingHours::Always, STREAMS)
    }

    /// Runs a tracker at these hours.
    pub(super) fn track_at(&self, hours: PollingHours, streams: StreamSettings) -> Running {
        self.world
            .track_streams_at(hours, streams, vec![self.provider.clone()])
    }

    /// Runs a tracker and waits until it has subscribed these names and polled their seeds.
    pub(super) async fn track_subscribed(&self, names: &[&str]) -> Running {
        let running = self.track();
        self.subscribed(names).await;
        self.seeded(names.len()).await;
        running
    }

    /// Waits until this number of polled prices is stored.
    pub(super) async fn seeded(&self, symbols: usize) {
        self.world
            .until("a seed of each symbol", async || {
                self.world.prices().await.len() >= symbols
            })
            .await;
    }

    /// Waits until exactly these names are subscribed.
    pub(super) async fn subscribed(&self, names: &[&str]) {
        self.world
            .until("the subscriptions", async || {
                self.server.subscribed() == names
            })
            .await;
    }

    /// Waits until the server has seen this number of attempts to connect, and the last one has
    /// subscribed exactly these names. Moves the time of sockets.
    pub(super) async fn reconnected(&self, attempts: usize, names: &[&str]) {
        self.until_elapsed("another connection", || {
            self.server.attempts() >= attempts && self.server.subscribed() == names
        })
        .await;
        assert_eq!(self.server.attempts(), attempts);
    }

    /// Waits for a state and moves the time of sockets and delays, which is not that of
    /// [`World::clock`].
    pub(super) async fn until_elapsed(&self, what: &str, state: impl Fn() -> bool) {
        let started = Instant::now();
        while !state() {
            assert!(started.elapsed() < DEADLINE, "never: {what}");
            elapse(STEP).await;
        }
    }

    /// The logged delays before connections were opened again.
    pub(super) fn delays(&self) -> Vec<Duration> {
        let lines = self.world.journal.lines(&["WARN", "delay_seconds="]);
        let delay = |line: &String| {
            let (_, text) = line.split_once("delay_seconds=").expect("a delay");
            let seconds = text.split_whitespace().next().expect("a number");
            Duration::from_secs_f64(seconds.parse().expect("a number"))
        };
        lines.iter().map(delay).collect()
    }

    /// The number of received messages of this kind.
    pub(super) fn count(&self, outcome: &str) -> u64 {
        let provider = self.provider.name();
        let count = self.metric(&format!(
            "stock_tracker_stream_messages_total{{outcome=\"{outcome}\",provider=\"{provider}\"}}"
        ));
        count.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Milliseconds of the clock.
    pub(super) fn millis(&self) -> i64 {
        runtime::clock::Clock::now(&self.world.clock).micros() / 1_000
    }

    /// Sends a trade of now and waits until its price is stored.
    pub(super) async fn trade(&self, name: &str, price: &str) {
        // Trades of one millisecond have one identity.
        self.world.clock.advance(Duration::from_millis(1));
        self.server.trade(name, &[(price, self.millis())]);
        self.stored(price).await;
    }

    /// Waits until the newest price is this one.
    pub(super) async fn stored(&self, price: &str) {
        self.world
            .until(&format!("the price {price}"), async || {
                let texts = self.world.price_texts().await;
                texts.last().is_some_and(|last| last == price)
            })
            .await;
    }

    /// A counter or gauge in the metrics.
    pub(super) fn metric(&self, line: &str) -> Option<String> {
        let text = self.world.metrics.text();
        let mut lines = text.lines();
        lines.find_map(|it| it.strip_prefix(line).map(|value| value.trim().to_owned()))
    }

    /// Waits until the provider has a note that contains this text.
    pub(super) async fn noted(&self, text: &str) {
        let name = self.provider.name();
        self.world
            .until(&format!("the note {text}"), async || {
                let row = self.world.provider(name).await;
                let note = row.and_then(|row| row.note);
                note.is_some_and(|note| note.contains(text))
            })
            .await;
    }
}

/// Moves the time of sockets and delays, and lets what is due happen.
pub(super) async fn elapse(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(10)).await;
}

impl Streaming {
    pub(super) fn new(dialect: StreamDialect, server: &StreamServer, secret: &str) -> Arc<Self> {
        Arc::new(Self {
            inner: settings(dialect, server, secret),
            failing: Mutex::default(),
            polled: Mutex::default(),
        })
    }

    pub(super) fn polled(&self) -> Vec<String> {
        let polled = self.polled.lock().expect("a lock");
        polled.iter().map(Symbol::to_string).collect()
    }

    /// Makes the polls of a symbol fail.
    pub(super) fn fail(&self, of: &str) {
        self.failing.lock().expect("a lock").insert(symbol(of));
    }
}

#[async_trait]
impl QuoteProvider for Streaming {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: 10,
            budget: RequestBudget::UNLIMITED,
        }
    }

    fn knows(&self, _symbol: &Symbol) -> Option<bool> {
        Some(true)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let failing = self.failing.lock().expect("a lock").clone();
        self.polled
            .lock()
            .expect("a lock")
            .extend_from_slice(symbols);
        let answers = symbols.iter().map(|symbol| {
            let answer = Quote {
                previous_close: PreviousClose::Sent(decimal("98")),
                trading_day: date("2026-11-20"),
                ..quote(&symbol.to_string(), "100")
            };
            let fails = failing.contains(symbol);
            (
                symbol.clone(),
                if fails {
                    Err(PollError::Timeout)
                } else {
                    Ok(answer)
                },
            )
        });
        Poll::answered(answers.collect())
    }

    fn stream(&self) -> Option<&dyn StreamProtocol> {
        self.inner.stream()
    }
}
