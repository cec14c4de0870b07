//! The whole tracker over random schedules of symbols, failures, restarts, kills, takeovers and
//! streams that come and go: no limit of its provider is exceeded.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use entity::table::provider_call;
use runtime::{clock::SystemClock, config::KrakenSettings};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use store::feed::Topic;
use testkit::{SeededRandom, StreamDialect, StreamServer, TestDatabase};
use tracker::{
    StreamSettings,
    provider::{Kraken, PollCost, PollError, QuoteProvider},
};

use crate::{
    budget_model::assert_within,
    fixture::{Running, World, quote},
    script::Script,
};

const SECOND: Duration = Duration::from_secs(1);
const STEPS: usize = 400;
/// Time for the tracker to react to a step. If it is too short, the tracker reacts to several at
/// once.
const PAUSE: Duration = Duration::from_millis(15);
/// What a poll answers; twice as often with a price.
const FAILURES: [PollError; 6] = [
    PollError::Timeout,
    PollError::NoQuote,
    PollError::UnknownSymbol,
    PollError::BatchRejected,
    PollError::NotEntitled,
    PollError::RateLimited { wait: SECOND },
];

/// A provider with its stream, and trackers that poll it.
struct Model {
    world: World,
    script: Arc<Script>,
    server: StreamServer,
    /// The holder of the lease, and those that stand by.
    trackers: Vec<Running>,
    /// The requests whose end was not recorded, because the tracker was killed.
    orphans: Vec<i64>,
    random: SeededRandom,
}

impl Model {
    async fn new(database: TestDatabase, seed: u64) -> Self {
        let mut random = SeededRandom::new(seed);
        let world = World::new(database, &["S00/USD", "S01/USD"]).await;
        let server = StreamServer::start(StreamDialect::Kraken).await;
        let limit = NonZeroU32::MIN;
        let settings = KrakenSettings {
            url: "http://127.0.0.1:9/".parse().expect("a URL"),
            stream_url: server.url(),
            per_second: limit,
            per_minute: limit,
        };
        let kraken = Kraken::new(&settings, SECOND, SystemClock::shared()).expect("a provider");
        let script = Script::new("live", world.clock.shared())
            .with_max_symbols(random.choose(&[1, 3, 10]))
            .with_budget(
                random.choose(&[Some(3), Some(8)]),
                random.choose(&[None, Some(60)]),
            )
            .with_cost(
                random.choose(&[None, Some(2)]),
                random.choose(&[PollCost::PerRequest, PollCost::PerSymbol]),
            )
            .with_stream(kraken)
            .shared();
        Self {
            world,
            script,
            server,
            trackers: Vec::new(),
            orphans: Vec::new(),
            random,
        }
    }

    fn start(&mut self) {
        let streams = StreamSettings {
            enabled: true,
            interval: SECOND / 10,
        };
        let provider: Arc<dyn QuoteProvider> = self.script.clone();
        let running = self.world.track_streams(streams, vec![provider]);
        self.trackers.push(running);
    }

    fn symbol(&mut self) -> String {
        format!("S{:02}/USD", self.random.between(0, 19))
    }

    /// Moves the clock while no request is being sent: in reality, a request takes seconds at most.
    async fn advance(&mut self, step: Duration) {
        let ended = async || {
            let in_flight = self.in_flight().await;
            in_flight.iter().all(|call| self.orphans.contains(call))
        };
        self.world.until("the requests have ended", ended).await;
        self.world.clock.advance(step);
    }

    /// The requests whose end is not recorded.
    async fn in_flight(&self) -> Vec<i64> {
        let rows = provider_call::Entity::find().filter(provider_call::Column::InFlight.eq(true));
        let rows = rows
            .all(self.world.database.read())
            .await
            .expect("requests");
        rows.into_iter().map(|row| row.id).collect()
    }

    /// Kills the holder, and starts another tracker at once or hours later.
    async fn kill(&mut self) {
        for standby in self.trackers.drain(1..) {
            standby.stop().await;
        }
        self.trackers.remove(0).kill().await;
        self.orphans = self.in_flight().await;
        if self.random.percent(30) {
            let hours = self.random.between(1, 9).try_into().expect("a few");
            self.world.clock.advance(Duration::from_hours(hours));
        }
        self.start();
    }

    async fn step(&mut self) {
        match self.random.between(1, 100) {
            1..=45 => {
                let longest = self.random.choose(&[1_000, 10_000, 10_000]);
                let millis = self.random.between(1, longest);
                self.advance(Duration::from_millis(
                    millis.try_into().expect("a short time"),
                ))
                .await;
            }
            46..=55 => {
                let symbol = self.symbol();
                self.world.add(&symbol).await;
            }
            56..=58 => {
                let symbol = self.symbol();
                if self.world.stock(&symbol).await.is_some() {
                    self.world.untrack(&symbol).await;
                }
            }
            59..=68 => {
                let failing = FAILURES
                    .get(self.random.between(0, FAILURES.len() * 3))
                    .cloned();
                self.script.answer(move |of| match &failing {
                    Some(error) => Err(error.clone()),
                    None => Ok(quote(of.as_str(), "100")),
                });
            }
            69..=72 => {
                // The holder, if it is alone.
                let tracker = self.trackers.pop().expect("a tracker");
                tracker.stop().await;
                self.start();
            }
            73..=74 => {
                // The one that stands by takes over.
                self.start();
                self.trackers.remove(0).stop().await;
            }
            75..=76 => {
                self.kill().await;
            }
            77..=80 => self.server.behave(|behavior| {
                behavior.refuse = match behavior.refuse {
                    None => Some((503, None)),
                    Some(_) => None,
                };
            }),
            81..=84 => self.server.reset(),
            85..=92 => {
                let symbol = self.symbol();
                let now = runtime::clock::Clock::now(&self.world.clock);
                self.server.trade(&symbol, &[("101", now.micros() / 1_000)]);
            }
            _ => {
                let symbol = self.symbol();
                let track = self.random.percent(50);
                // The response is not awaited.
                let requested = self.world.request(&symbol, track);
                let _ = tokio::time::timeout(PAUSE, requested).await;
            }
        }
        self.world.store.doorbell.ring(Topic::Feed);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Runs a random schedule. Returns whether a limit was reached, and how often the stream was
/// connected.
async fn check_schedule(database: TestDatabase, seed: u64) -> (bool, usize) {
    let mut model = Model::new(database, seed).await;
    model.start();
    for _ in 0..STEPS {
        model.step().await;
    }
    for tracker in std::mem::take(&mut model.trackers) {
        tracker.stop().await;
    }
    let budget = model.script.budget();
    let calls = model.script.calls();
    let costs = calls
        .iter()
        .map(|(at, symbols)| (*at, budget.cost_of(symbols.len())));
    let reached = assert_within(budget, costs.collect(), seed);
    (reached, model.server.attempts())
}

/// Runs random schedules at the same time, each with a seed and a database of its own.
async fn check_schedules(databases: Vec<TestDatabase>, first: u64) {
    let schedules = databases.into_iter().zip(first..);
    let schedules = schedules.map(|(database, seed)| check_schedule(database, seed));
    let ended = futures_util::future::join_all(schedules).await;
    let reached = ended.iter().filter(|(reached, _)| *reached).count();
    let connected: usize = ended.iter().map(|(_, connected)| connected).sum();
    assert!(reached >= 2, "{reached} schedules reached a limit");
    assert!(connected >= 5, "the streams came {connected} times");
}

#[tokio::test]
async fn no_tracker_exceeds_the_budget_on_sqlite() {
    let mut databases = Vec::new();
    for _ in 0..6 {
        databases.push(TestDatabase::sqlite().await);
    }
    check_schedules(databases, 0).await;
}

#[tokio::test]
async fn no_tracker_exceeds_the_budget_on_postgresql() {
    let mut databases = Vec::new();
    for _ in 0..4 {
        databases.push(TestDatabase::postgres().await);
    }
    check_schedules(databases, 100).await;
}
