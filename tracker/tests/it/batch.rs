//! Tests that the result depends neither on how quotes are cut into batches nor on the stocks that
//! a tracker has in memory, on both databases.
//!
//! A random series of quotes is stored by three trackers, each in its own database: in random
//! batches, one by one, and in the same batches with no stock in memory. In between, rules, splits,
//! tracked stocks and webhooks change, trackers restart, and held prices are released. Then all
//! tables are equal, and so are the events of the feeds.

use std::time::Duration;

use chrono::Days;
use entity::{
    AlertKind, AlertRule, ChangeBase, Decimal, Event, PriceBasis, ProviderState, Ratio, SecretText,
    Split, Timestamp, Trigger, Webhook, WebhookFormat,
};
use sea_orm::{ConnectionTrait, Statement};
use store::{
    database::DatabaseKind,
    feed::FeedTransaction,
    provider::{self, ProviderStatus},
    rule, split,
    webhook::{self, Selection},
};
use testkit::{SeededRandom, TestDatabase};
use tracker::{
    ingest::{Ingest, IngestReport, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use crate::{
    fixture::{World, decimal, symbol},
    rule::{create, of_aapl},
};

/// The number of batches.
const BATCHES: usize = 120;
/// The tables that are compared, all of those that a tracker writes except the feed.
const TABLES: [&str; 12] = [
    "stocks",
    "stock_prices",
    "quotes",
    "candles",
    "alerts",
    "alert_rules",
    "rule_states",
    "rule_references",
    "held_prices",
    "splits",
    "deliveries",
    "feed_head",
];
const SYMBOLS: [&str; 3] = ["AAPL", "IBM", "BTC/USD"];

/// A tracker with a database of its own.
struct Side {
    world: World,
    ingest: Ingest,
    /// The position of its replay.
    replayed: Option<String>,
    kind: Kind,
}

/// What a tracker does differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Batched,
    OneByOne,
    /// Has no stocks in memory when it stores a batch.
    Reading,
}

impl Side {
    async fn new(database: TestDatabase, kind: Kind) -> Self {
        let world = World::new(database, &SYMBOLS).await;
        let ingest = world.ingest().with_alert_max_age(Some(1));
        let replay = ProviderStatus {
            name: "replay",
            rank: 0,
            state: ProviderState::Ok,
            effective_interval: None,
            note: None,
            terms: None,
            per_second: None,
            per_minute: None,
            per_day: None,
        };
        let configured = provider::configure(&world.store, &[replay]).await;
        configured.expect("the row of the replay");
        Self {
            world,
            ingest,
            replayed: None,
            kind,
        }
    }

    fn restart(&mut self) {
        self.ingest = self.world.ingest().with_alert_max_age(Some(1));
    }

    /// Stores quotes, at one time. Returns the sum of the reports.
    async fn store(&mut self, quotes: &[Quote], replays: bool, reports_splits: bool) -> [usize; 4] {
        let one_by_one = self.kind == Kind::OneByOne;
        let size = if one_by_one { 1 } else { quotes.len() };
        let mut sum = [0; 4];
        for quotes in quotes.chunks(size) {
            let mut batch = QuoteBatch {
                provider: "test",
                quotes: quotes.to_vec(),
                reports_splits,
                ..QuoteBatch::default()
            };
            if replays {
                batch.provider = "replay";
                batch.follows.clone_from(&self.replayed);
                let next = self.replayed.as_ref().map_or(0, String::len) + 1;
                self.replayed = Some("x".repeat(next));
                batch.position.clone_from(&self.replayed);
            }
            let IngestReport {
                prices,
                alerts,
                older,
                superseded,
                held,
            } = self.ingest.ingest(batch).await.expect("store the batch");
            assert!(!superseded);
            let report = [prices, alerts, older, held];
            sum = std::array::from_fn(|at| sum[at] + report[at]);
        }
        sum
    }

    /// Stores an answer without a price, and tracks its stock in the same transaction if it is to.
    async fn store_unpriced(&self, of: &str, tracks: bool) {
        let batch = QuoteBatch {
            provider: "test",
            quoteless: vec![symbol(of)],
            track: tracks.then(|| (symbol(of), Some("A name".to_owned()))),
            ..QuoteBatch::default()
        };
        self.ingest.ingest(batch).await.expect("store the answer");
    }

    /// All rows of the tables, and the events of the feed.
    async fn contents(&self) -> Vec<String> {
        let mut contents = Vec::new();
        for table in TABLES {
            contents.extend(self.rows(table).await);
        }
        let batches = self.world.feed().await;
        let events = batches.into_iter().flat_map(|batch| batch.events);
        contents.extend(events.map(|event: Event| format!("{event:?}")));
        contents
    }

    async fn rows(&self, table: &str) -> Vec<String> {
        let connection = self.world.database.read();
        let texts = async |text: String| -> Vec<String> {
            let statement = Statement::from_string(connection.get_database_backend(), text);
            let rows = connection.query_all_raw(statement).await.expect("rows");
            let text = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("a text");
            rows.iter().map(text).collect()
        };
        let row = if self.world.database.kind() == DatabaseKind::Postgres {
            format!("CAST({table} AS text)")
        } else {
            let text = format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')");
            texts(text).await.join(" || ', ' || ")
        };
        let rows = texts(format!("SELECT {row} FROM {table} ORDER BY 1")).await;
        rows.into_iter()
            .map(|row| format!("{table}: {row}"))
            .collect()
    }

    async fn create_webhook(&self) {
        let webhook = Webhook {
            id: 0,
            format: WebhookFormat::Standard,
            url: SecretText("http://127.0.0.1/".to_owned()),
            description: None,
            token: None,
            secret: SecretText("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".to_owned()),
            previous_secret: None,
            symbols: None,
            rules: None,
            enabled: true,
            disabled_reason: None,
            created_at: Timestamp::default(),
            last_delivered_at: None,
            failing_since: None,
            paused_until: None,
        };
        let created = webhook::create(&self.world.store, webhook, Selection::default());
        created.await.expect("create the webhook");
    }

    async fn delete_rule(&self, of: &AlertRule) {
        let mut feed = FeedTransaction::begin(&self.world.store)
            .await
            .expect("begin");
        rule::delete(&mut feed, of).await.expect("delete");
        feed.commit().await.expect("commit");
    }

    async fn record_split(&self, stock: i64, of: Split) {
        let mut feed = FeedTransaction::begin(&self.world.store)
            .await
            .expect("begin");
        let recorded = split::record(&mut feed, stock, &[of], "user").await;
        recorded.expect("record");
        feed.commit().await.expect("commit");
    }
}

/// The market that quotes come from.
struct Quotes {
    random: SeededRandom,
    /// The prices in hundredths.
    prices: [i64; 3],
    last: Option<Quote>,
}

impl Quotes {
    fn next(&mut self, now: Timestamp) -> Quote {
        let random = &mut self.random;
        if let Some(last) = self.last.clone()
            && random.percent(15)
        {
            return last;
        }
        let stock = random.between(0, 2);
        let price = &mut self.prices[stock];
        *price = match random.between(1, 40) {
            1 => *price / 2,
            2 => *price * 2,
            3..=8 => *price * 104 / 100,
            9..=14 => *price * 96 / 100,
            _ => *price + random.choose(&[-20, -7, -1, 1, 7, 20]),
        };
        *price = (*price).clamp(2_000, 50_000);
        let price = *price;
        let today = market::trading_day(now);
        let trading_day = match random.between(1, 12) {
            1 => today.pred_opt().expect("a date"),
            2 => today.succ_opt().expect("a date"),
            // Too old for alerts.
            3 => today - Days::new(4),
            _ => today,
        };
        let previous_close = match random.between(1, 4) {
            1 => PreviousClose::Absent,
            2 if random.percent(20) => PreviousClose::None,
            2 => PreviousClose::Sent(hundredths(price * 96 / 100)),
            _ => PreviousClose::Sent(hundredths(10_000)),
        };
        let of_session = random.percent(40);
        let maybe = |price: i64| of_session.then(|| hundredths(price));
        let of_all = ["AAPL", "IBM", "BTC/USD", "UNKNOWN"];
        let unknown = random.percent(2);
        let quote = Quote {
            previous_close,
            open: maybe(price - 30),
            high: maybe(price + 40),
            low: maybe(price - 50),
            volume: random.percent(70).then(|| {
                let volume = random.between(1, 1_000_000);
                i64::try_from(volume).expect("a volume")
            }),
            market_time: random.percent(30).then(|| {
                let ago = random.between(0, 3_000).try_into().expect("seconds");
                now.before(Duration::from_secs(ago))
            }),
            name: random
                .percent(10)
                .then(|| "A \"name\", 'quoted' ü".to_owned()),
            currency: random.percent(10).then(|| "USD".to_owned()),
            split: random.percent(2).then(|| ratio(2)),
            ..Quote::new(
                symbol(if unknown { of_all[3] } else { of_all[stock] }),
                hundredths(price),
                trading_day,
            )
        };
        self.last = Some(quote.clone());
        quote
    }

    fn rule(&mut self) -> AlertRule {
        let random = &mut self.random;
        let near = hundredths(self.prices[0] * random.choose(&[97, 99, 101, 103]) / 100);
        let kind = random.choose(&[
            AlertKind::PriceAbove,
            AlertKind::PriceBelow,
            AlertKind::CrossesAbove,
            AlertKind::CrossesBelow,
            AlertKind::PercentChange,
            AlertKind::ChangeInWindow,
            AlertKind::VolumeSpike,
        ]);
        let (threshold, base) = match kind {
            AlertKind::PercentChange => (
                decimal("2"),
                Some(random.choose(&[ChangeBase::PreviousClose, ChangeBase::LastAlert])),
            ),
            AlertKind::ChangeInWindow => (decimal("3"), None),
            AlertKind::VolumeSpike => (decimal("1.2"), None),
            _ => (near, None),
        };
        let is_level = threshold == near && base.is_none();
        let everywhere = !is_level && random.percent(50);
        let in_window = kind == AlertKind::ChangeInWindow;
        AlertRule {
            stock_id: (!everywhere).then_some(1),
            threshold,
            base,
            basis: if is_level && kind != AlertKind::CrossesAbove && kind != AlertKind::CrossesBelow
            {
                random.choose(&[PriceBasis::Last, PriceBasis::Range])
            } else {
                PriceBasis::Last
            },
            window_seconds: in_window.then_some(600),
            hold_seconds: random.choose(&[0, 0, 30]),
            trigger: random.choose(&[
                Trigger::Once,
                Trigger::EveryTime,
                Trigger::EveryTime,
                Trigger::OncePerDay,
            ]),
            cooldown_seconds: random.choose(&[0, 0, 60]),
            set_threshold: Some(threshold),
            level_day: is_level.then(|| "2026-11-20".parse().expect("a date")),
            ..of_aapl(kind, "1")
        }
    }
}

fn hundredths(price: i64) -> Decimal {
    Decimal::from_units(price * 1_000_000)
}

fn ratio(numerator: i128) -> Ratio {
    Ratio::new(numerator, 1).expect("a ratio")
}

/// Stores the same series in all, and compares the databases as it goes.
async fn compare(seed: u64, mut sides: Vec<Side>) {
    let mut random = SeededRandom::new(seed);
    let mut quotes = Quotes {
        random: random.split(),
        prices: [10_000; 3],
        last: None,
    };
    let mut rules: Vec<AlertRule> = Vec::new();
    for side in &sides {
        side.create_webhook().await;
    }
    let (mut fired, mut held) = (0, 0);
    for batch in 1..=BATCHES {
        let advance = match random.between(1, 30) {
            1 => Duration::from_hours(24),
            2 => Duration::from_hours(72),
            3..=8 => Duration::from_mins(2),
            _ => Duration::from_secs(5),
        };
        let new_rule = random.percent(20).then(|| quotes.rule());
        let deleted = (rules.len() > 8).then(|| rules.remove(random.between(0, rules.len() - 1)));
        let restarts = random.percent(10);
        let (splits, releases) = (random.percent(4), random.percent(30));
        let (unpriced, tracks, untracks) =
            (random.percent(10), random.percent(5), random.percent(5));
        let of = random.choose(&SYMBOLS);
        let stock = random.choose(&[1, 2, 3]);
        let ratio = ratio(random.choose(&[2, 4]));
        let (replays, reports_splits) = (random.percent(15), random.percent(50));
        let count = random.between(1, 14);
        let next: Vec<Quote> = (0..count)
            .map(|_| quotes.next(sides[0].world.store.clock.now().after(advance)))
            .collect();
        let mut reports = Vec::new();
        for (at, side) in sides.iter_mut().enumerate() {
            side.world.clock.advance(advance);
            let now = side.world.store.clock.now();
            if restarts {
                side.restart();
            }
            if untracks {
                side.world.untrack(of).await;
            }
            if side.kind == Kind::Reading {
                drop(side.ingest.pause().await);
            }
            if unpriced || tracks {
                side.store_unpriced(of, tracks).await;
            }
            if let Some(new) = &new_rule {
                let created = create(&side.world, new.clone()).await;
                if at == 0 {
                    rules.push(created);
                }
            }
            if let Some(deleted) = &deleted {
                side.delete_rule(deleted).await;
            }
            let known = Split {
                effective_on: market::trading_day(now),
                ratio,
            };
            if splits {
                side.record_split(stock, known).await;
            }
            if releases {
                let reported = [known];
                let reported = splits.then_some(("test", &reported[..]));
                let fired = side.ingest.release(stock, reported).await;
                fired.expect("release");
            }
            if side.kind == Kind::Reading {
                drop(side.ingest.pause().await);
            }
            reports.push(side.store(&next, replays, reports_splits).await);
        }
        for report in &reports {
            assert_eq!(*report, reports[0], "batch {batch} of seed {seed}");
        }
        fired += reports[0][1];
        held += reports[0][3];
        if batch % 10 == 0 {
            let batched = sides[0].contents().await;
            for other in &sides[1..] {
                let contents = other.contents().await;
                let differ = batched.iter().zip(&contents).find(|(a, b)| a != b);
                let kind = other.kind;
                assert_eq!(differ, None, "{kind:?}, up to batch {batch} of seed {seed}");
                assert_eq!(batched.len(), contents.len());
            }
        }
    }
    assert!(fired > 20 && held > 0, "alerts: {fired}, held: {held}");
    let rows = sides[0].world.feed().await.len();
    assert!(rows < sides[1].world.feed().await.len(), "batches are cut");
}

testkit::on_both_databases! {
    async fn batches_give_the_same_as_quotes_one_by_one_and_as_without_memory(database) {
        let kind = database.kind();
        for seed in [9, 25] {
            let database = async || match kind {
                DatabaseKind::Sqlite => TestDatabase::sqlite().await,
                DatabaseKind::Postgres => TestDatabase::postgres().await,
            };
            let sides = vec![
                Side::new(database().await, Kind::Batched).await,
                Side::new(database().await, Kind::OneByOne).await,
                Side::new(database().await, Kind::Reading).await,
            ];
            compare(seed, sides).await;
        }
    }
}
