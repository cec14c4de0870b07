//! The cost of reading and writing prices as the history grows, on a private PostgreSQL server:
//! `cargo bench -p store --bench age -- MILLIONS`. The argument is the maximum number of rows in
//! millions, 10 by default.
//!
//! Each number is the median of many calls on a warm server.

#![expect(clippy::print_stdout, reason = "it is a program that prints a table")]

use std::time::{Duration, Instant};

use chrono::NaiveDate;
use entity::{CandleInterval, Decimal, Event, Price, Timestamp};
use runtime::clock::ManualClock;
use store::{
    Seed, Store,
    candle::{self, CandleRange},
    feed::FeedTransaction,
    page::Span,
    price::{self, PriceKey, Recorded},
    seed,
};
use testkit::TestDatabase;

#[path = "../tests/it/archive.rs"]
mod archive;

use archive::Archive;

const STOCKS: i64 = 100;
const CALLS: u32 = 200;
const END: &str = "2026-11-20T00:00:00Z";
const DAY: Duration = Duration::from_hours(24);

/// The number of rows, and the number of days they span.
const HISTORIES: [(u32, u32); 5] = [
    (100_000, 30),
    (1_000_000, 30),
    (1_000_000, 3650),
    (10_000_000, 3650),
    (100_000_000, 3650),
];

#[tokio::main]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
    let most = std::env::args().find_map(|it| it.parse::<u32>().ok());
    let most = most.unwrap_or(10).saturating_mul(1_000_000);
    println!(
        "| rows | days | newest 50 | 50 after an old cursor | newest 20 of 100 stocks | 500 to resume | 200 old candles | 100 prices written |"
    );
    println!(
        "|-----:|-----:|----------:|-----------------------:|------------------------:|--------------:|----------------:|-------------------:|"
    );
    for (rows, days) in HISTORIES.into_iter().filter(|(rows, _)| *rows <= most) {
        measure(rows, days).await;
    }
}

async fn measure(rows: u32, days: u32) {
    let database = TestDatabase::postgres().await;
    let end: Timestamp = END.parse().expect("an instant");
    let length = DAY * days;
    let archive = Archive {
        from: end.before(length),
        to: end,
        every: length / (rows / u32::try_from(STOCKS).expect("a few")),
        stocks: STOCKS,
    };
    let clock = ManualClock::at(archive.from);
    let store = Store::new((*database).clone(), clock.shared());
    let first = Seed {
        epoch: 7,
        alert_threshold: Decimal::from_int(5),
        symbols: (1..=STOCKS)
            .map(|id| format!("S{id}").parse().expect("a symbol"))
            .collect(),
    };
    seed(&store, &first).await.expect("seed the store");
    archive.fill(&store, &clock).await;
    let (connection, all) = (store.database.read(), Recorded::default());
    let all_stocks: Vec<i64> = (1..=STOCKS).collect();
    let old = |call: u32| archive.place(1 + i64::from(call) % STOCKS, end.before(length * 3 / 5));
    let newest = median(async |call| {
        let stock = 1 + i64::from(call) % STOCKS;
        let page = price::page(connection, end, stock, all, &span(None)).await;
        assert_eq!(page.expect("a page").rows.len(), 50);
    });
    let newest = newest.await;
    let after = median(async |call| {
        let stock = 1 + i64::from(call) % STOCKS;
        let page = price::page(connection, end, stock, all, &span(Some(old(call).into()))).await;
        assert_eq!(page.expect("a page").rows.len(), 50);
    });
    let after = after.await;
    let many = median(async |_| {
        let pages = price::first_pages(connection, end, &all_stocks, all, 20, false).await;
        assert_eq!(pages.expect("pages").len(), all_stocks.len());
    });
    let many = many.await;
    let to = store::feed::end(&store).await.expect("an end");
    let resumed = median(async |call| {
        let page = price::after(connection, None, old(call), to, 500).await;
        assert!(!page.expect("a page").prices.is_empty());
    });
    let resumed = resumed.await;
    let range = CandleRange {
        interval: CandleInterval::OneMinute,
        from: None,
        to: Some(end.before(length * 3 / 5)),
        limit: 200,
    };
    let candles = median(async |call| {
        let stock = 1 + i64::from(call) % STOCKS;
        let read = candle::newest(connection, &[stock], range).await;
        assert_eq!(read.expect("candles")[&stock].rows.len(), 200);
    });
    let candles = candles.await;
    let written = median(async |_| {
        clock.advance(Duration::from_secs(1));
        write(&store, &all_stocks).await;
    });
    let written = written.await;
    let columns = [newest, after, many, resumed, candles, written]
        .map(|it| format!("{:.2} ms", it.as_secs_f64() * 1e3));
    println!("| {rows} | {days} | {} |", columns.join(" | "));
}

fn span(after: Option<PriceKey>) -> Span<PriceKey> {
    Span {
        after,
        before: None,
        limit: 50,
        from_end: false,
    }
}

/// Returns the median of many calls, after some to warm up.
async fn median(mut call: impl AsyncFnMut(u32)) -> Duration {
    let mut took = Vec::new();
    for turn in 0..CALLS + CALLS / 4 {
        let begun = Instant::now();
        call(turn).await;
        if turn >= CALLS / 4 {
            took.push(begun.elapsed());
        }
    }
    took.sort_unstable();
    took[took.len() / 2]
}

/// Writes a price of each stock and their feed row in one transaction.
async fn write(store: &Store, stocks: &[i64]) {
    let mut feed = FeedTransaction::begin(store).await.expect("a turn");
    let known = store::stock::by_ids(feed.connection(), stocks).await;
    let mut prices = Vec::new();
    for stock in known.expect("stocks") {
        let price = Price {
            stock_id: stock.id,
            symbol: stock.symbol.clone(),
            seq: feed.next_seq(),
            price: Decimal::from_int(100),
            previous_close: Some(Decimal::from_int(99)),
            open: None,
            high: None,
            low: None,
            volume: Some(1_000),
            trading_day: NaiveDate::default(),
            market_time: feed.recorded_at(),
            market_time_sent: true,
            recorded_at: feed.recorded_at(),
            provider: "bench".to_owned(),
        };
        prices.push(price.clone());
        feed.push(Event::QuoteRecorded { price, stock });
    }
    let recorded = price::record(&mut feed, &prices.iter().collect::<Vec<_>>(), &[]).await;
    recorded.expect("store the rows");
    feed.commit().await.expect("commit");
}
