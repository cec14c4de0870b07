//! The replay of the bundled prices stores exactly the prices and alerts that the file implies.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::NaiveDate;
use entity::{CandleInterval, Direction, PollOutcome, ProviderState, Symbol};
use runtime::config::{ReplaySettings, ReplaySpeed};
use store::candle::CandleRange;
use tracker::{
    ingest::QuoteBatch,
    provider::{Pacing, Poll, PositionError, QuoteProvider, Replay},
};

use crate::{
    expected_replay::{ExpectedAlert, ExpectedPrice, expected_replay},
    fixture::{World, date, quote},
};

/// A file that leaves no room for a second pass before the year 10000.
const YEARS: &str = "\
Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAA,2000-01-03,100,100,100,100,1,100
AAA,2000-01-04,110,110,110,110,1,110
AAA,9990-01-04,110,110,110,110,1,110
";

/// A repeated replay that ends after some prices.
struct EndingReplay {
    replay: Replay,
    /// The number of prices until the end.
    left: AtomicUsize,
    /// The position after the last price.
    position: Mutex<Option<String>>,
}

#[async_trait]
impl QuoteProvider for EndingReplay {
    fn name(&self) -> &'static str {
        self.replay.name()
    }

    fn pacing(&self) -> Pacing {
        self.replay.pacing()
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.replay.knows(symbol)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        let poll = self.replay.poll(symbols).await;
        if poll.answers.iter().any(|(_, answer)| answer.is_ok()) {
            self.left.fetch_sub(1, Ordering::Relaxed);
            (*self.position.lock().expect("no panic")).clone_from(&poll.position);
        }
        poll
    }

    fn resume(&self, position: Option<&str>) -> Result<(), PositionError> {
        let mut last = self.position.lock().expect("no panic");
        if last.as_deref() != position {
            // The last price was not stored.
            self.left.fetch_add(1, Ordering::Relaxed);
            *last = position.map(str::to_owned);
        }
        self.replay.resume(position)
    }

    fn restarts_at(&self) -> Option<NaiveDate> {
        self.replay.restarts_at()
    }

    fn is_finished(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

/// All symbols of the file.
pub(crate) const ALL: [&str; 5] = ["AAPL", "FB", "GOOG", "IBM", "MSFT"];

/// Replays the bundled prices once, from a day on.
pub(crate) fn replay(from: &str, speed: ReplaySpeed) -> Vec<Arc<dyn QuoteProvider>> {
    let settings = ReplaySettings {
        file: None,
        from: Some(date(from)),
        speed,
        repeat: false,
    };
    vec![Arc::new(
        Replay::new(&settings).expect("the bundled prices"),
    )]
}

/// The settings of a repeated replay of [`YEARS`].
fn years() -> ReplaySettings {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let file = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("years-{}-{file}.csv", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, YEARS).expect("a file");
    ReplaySettings {
        file: Some(path),
        from: None,
        speed: ReplaySpeed::Max,
        repeat: true,
    }
}

/// Waits until the replay ends.
pub(crate) async fn end(world: &World) {
    let ended = async || {
        let note = world.provider("replay").await.and_then(|row| row.note);
        note.is_some_and(|note| note.contains("ended"))
    };
    world.until("the replay ends", ended).await;
}

/// The stored prices and alerts, in the form of the file.
async fn stored(world: &World) -> (Vec<ExpectedPrice>, BTreeSet<ExpectedAlert>) {
    let symbols: std::collections::HashMap<i64, String> = world
        .stocks()
        .await
        .into_iter()
        .map(|row| (row.id, row.symbol.to_string()))
        .collect();
    let mut prices: Vec<ExpectedPrice> = world
        .prices()
        .await
        .into_iter()
        .map(|row| ExpectedPrice {
            day: row.trading_day,
            symbol: symbols[&row.stock_id].clone(),
            close: row.price.to_string(),
            previous: row.previous_close.map(|close| close.to_string()),
            open: row.open.map(|it| it.to_string()),
            high: row.high.map(|it| it.to_string()),
            low: row.low.map(|it| it.to_string()),
            volume: row.volume,
        })
        .collect();
    prices.sort();
    let rows = world.alerts().await;
    let fired: BTreeSet<ExpectedAlert> = rows
        .iter()
        .map(|row| ExpectedAlert {
            day: row.trading_day,
            symbol: symbols[&row.stock_id].clone(),
            up: row.direction == Direction::Up,
            multiple: row.threshold.to_string(),
        })
        .collect();
    assert_eq!(fired.len(), rows.len(), "no alert fired twice");
    (prices, fired)
}

/// Compares the stored prices and alerts, and the feed, with what the file implies.
pub(crate) async fn check(world: &World, from: &str) {
    let (prices, fired) = stored(world).await;
    let (expected_prices, expected_alerts) = expected_replay(date(from));
    let unequal = prices
        .iter()
        .zip(&expected_prices)
        .find(|(one, other)| one != other);
    assert_eq!(unequal, None);
    assert_eq!(prices.len(), expected_prices.len());
    let missing: Vec<_> = expected_alerts.difference(&fired).collect();
    let surplus: Vec<_> = fired.difference(&expected_alerts).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "missing {missing:?}, surplus {surplus:?}"
    );
    let (published, alerts) = world.events().await;
    assert_eq!((published.len(), alerts.len()), (prices.len(), fired.len()));
}

testkit::on_both_databases! {
    async fn the_bundled_prices_fire_exactly_the_alerts_that_their_closes_imply(database) {
        let world = World::new(database, &ALL).await;
        let running = world.track(replay("2000-03-01", ReplaySpeed::Max));
        end(&world).await;
        running.stop().await;
        check(&world, "2000-03-01").await;
        let row = world.provider("replay").await.expect("its row");
        assert_eq!((row.state, row.effective_interval), (ProviderState::Ok, None));
        // Its polls are counted as calls.
        let days: BTreeSet<_> = world.prices().await.iter().map(|row| row.trading_day).collect();
        let metrics = world.metrics.text();
        let counted = |line: &&str| {
            line.starts_with("stock_tracker_api_calls_total{")
                && line.contains("outcome=\"ok\"")
                && line.contains("provider=\"replay\"")
        };
        let line = metrics.lines().find(counted).expect("calls are counted");
        assert!(line.ends_with(&format!(" {}", days.len())), "{line}, {} days", days.len());
    }

    async fn a_killed_replay_resumes_at_its_position(database) {
        const FROM: &str = "2011-09-01";
        let world = World::new(database, &ALL).await;
        let whole = expected_replay(date(FROM)).0.len();
        for part in 1..4 {
            let running = world.track(replay(FROM, ReplaySpeed::Max));
            let far = async || world.prices().await.len() >= whole * part / 4;
            world.until("a part is replayed", far).await;
            drop(running);
        }
        assert!(world.prices().await.len() < whole, "it was killed before its end");
        let _running = world.track(replay(FROM, ReplaySpeed::Max));
        end(&world).await;
        check(&world, FROM).await;
    }

    async fn a_replay_shows_its_day_and_answers_poll_requests_from_its_file(database) {
        let world = World::new(database, &["AAPL"]).await;
        let running = world.track(replay("2004-08-19", ReplaySpeed::DaysPerSecond(1.0 / 3600.0)));
        world.until("the first day is replayed", async || !world.prices().await.is_empty()).await;
        let shown = async || {
            let row = world.provider("replay").await.expect("its row");
            row.note.as_deref() == Some("replay of historical prices, 2004-08-19")
        };
        world.until("its note shows the day", shown).await;
        let row = world.provider("replay").await.expect("its row");
        assert_eq!((row.rank, row.effective_interval), (Some(0), Some(3_600_000_000)));
        assert_eq!((row.per_minute, row.per_day), (None, None));

        assert_eq!(world.request("NVDA", true).await.0, PollOutcome::UnknownSymbol);
        assert!(world.stock("NVDA").await.is_none());
        assert_eq!(world.request("MSFT", true).await.0, PollOutcome::Answered);
        let stock = world.stock("MSFT").await.expect("a stock");
        assert!(stock.tracked && stock.answered_at.is_some());
        assert_eq!(world.request("MSFT", false).await.0, PollOutcome::Answered);
        assert_eq!(world.prices().await.len(), 1, "a poll request stores no price");
        running.stop().await;
    }

    async fn a_replay_that_restarts_begins_new_candles(database) {
        let world = World::new(database, &["AAA"]).await;
        let passes = EndingReplay {
            replay: Replay::new(&years()).expect("a file"),
            left: AtomicUsize::new(6),
            position: Mutex::default(),
        };
        let running = world.track(vec![Arc::new(passes)]);
        world.until("it is replayed twice", async || world.prices().await.len() == 6).await;
        running.stop().await;
        let candles = world.daily_candles().await;
        let counts: Vec<i32> = candles.iter().map(|candle| candle.count).collect();
        assert_eq!(counts, [1, 1, 1]);
    }

    async fn a_replay_restarts_when_the_years_run_out(database) {
        let world = World::new(database, &["AAA"]).await;
        let settings = years();
        let open = || -> Vec<Arc<dyn QuoteProvider>> {
            vec![Arc::new(Replay::new(&settings).expect("a file"))]
        };
        // Killed and restarted, it continues through several passes.
        for count in [5, 10, 15] {
            let running = world.track(open());
            let far = async || world.prices().await.len() >= count;
            world.until("it is replayed again", far).await;
            drop(running);
        }
        let running = world.track(open());
        world.until("it is replayed", async || world.prices().await.len() >= 18).await;
        running.stop().await;

        let days = ["2000-01-03", "2000-01-04", "9990-01-04"].map(date);
        let prices = world.prices().await;
        for (price, day) in prices.iter().zip(days.iter().cycle()) {
            assert_eq!(price.trading_day, *day);
        }
        // One alert on the second day of each pass; only the newest still belongs to the rule.
        let alerts = world.alerts().await;
        let second = prices.iter().filter(|price| price.trading_day == days[1]);
        assert_eq!(alerts.len(), second.count());
        let (last, before) = alerts.split_last().expect("alerts");
        assert!(last.rule_id.is_some());
        assert!(before.iter().all(|alert| alert.rule_id.is_none()));
        // No candle is later than the newest price.
        let stock = world.stock("AAA").await.expect("a stock");
        let range = CandleRange { interval: CandleInterval::OneDay, from: None, to: None, limit: 9 };
        let candles = store::candle::newest(world.database.read(), &[stock.id], range).await;
        let newest = candles.expect("candles").get(&stock.id).and_then(|candles| candles.newest);
        let last = prices.last().expect("prices").trading_day;
        assert!(newest.is_none_or(|start| start <= market::session_open(last)), "{newest:?}, {last}");
    }

    async fn a_day_that_another_tracker_replayed_is_dropped(database) {
        let world = World::new(database, &ALL).await;
        let running = world.track(replay("2013-01-02", ReplaySpeed::Max));
        end(&world).await;
        running.stop().await;
        let stored = world.prices().await.len();
        let position = world.provider("replay").await.expect("its row").position;
        let late = QuoteBatch {
            provider: "replay",
            quotes: vec![quote("AAPL", "1")],
            position: Some("a later one".to_owned()),
            follows: Some("an earlier one".to_owned()),
            ..QuoteBatch::default()
        };
        let ingested = world.ingest().ingest(late).await.expect("an answer");
        assert!(ingested.superseded);
        assert_eq!(world.prices().await.len(), stored);
        let row = world.provider("replay").await.expect("its row");
        assert_eq!(row.position, position);
    }
}
