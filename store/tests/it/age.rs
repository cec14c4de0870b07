//! The cost of reads is independent of the length of the history.
//!
//! The connection explains each statement that the code sends before it is executed.

use std::time::Duration;

use entity::{CandleInterval, Timestamp};
use sea_orm::ConnectionTrait;
use store::database::DatabaseKind;
use store::{
    candle::{self, CandleRange},
    page::Span,
    price::{self, PriceKey, Recorded},
};
use testkit::on_both_databases;

use crate::{
    archive::Archive,
    explained::{Cost, Explained},
    fixture::store,
};

const SYMBOLS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];
const ALL_STOCKS: [i64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn at(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().expect("an instant")
}

fn span(after: Option<PriceKey>, limit: u32, from_end: bool) -> Span<PriceKey> {
    Span {
        after,
        before: None,
        limit,
        from_end,
    }
}

/// Every kind of read, with its maximum number of statements.
async fn read_all(
    explained: &Explained,
    archive: Archive,
    old: Timestamp,
) -> Vec<(&'static str, usize, Cost)> {
    let now = archive.to;
    let year = Recorded {
        from: Some(old),
        to: Some(old.after(Duration::from_hours(24 * 365))),
    };
    let place = archive.place(3, old);
    let end = archive.place(8, archive.to.before(archive.every));
    let all = Recorded::default();
    let mut costs = Vec::new();
    let mut note = |what, most, rows: usize, expected: usize| {
        assert_eq!(rows, expected, "{what}");
        costs.push((what, most, explained.take()));
    };
    let page = async |recorded, span: Span<PriceKey>| {
        let page = price::page(explained, now, 3, recorded, &span).await;
        page.expect("a page").rows.len()
    };
    note(
        "the newest of a stock",
        1,
        page(all, span(None, 50, false)).await,
        50,
    );
    note(
        "the oldest of a stock",
        2,
        page(all, span(None, 50, true)).await,
        50,
    );
    note(
        "after an old cursor",
        2,
        page(all, span(Some(place.into()), 50, false)).await,
        50,
    );
    note(
        "the newest of an old year",
        1,
        page(year, span(None, 50, false)).await,
        50,
    );
    note(
        "the oldest of an old year",
        1,
        page(year, span(None, 50, true)).await,
        50,
    );
    let pages = price::first_pages(explained, now, &ALL_STOCKS, all, 20, false)
        .await
        .expect("pages");
    note(
        "the newest of many stocks",
        1,
        pages.values().map(|it| it.rows.len()).sum(),
        160,
    );
    let next = price::after(explained, None, place, end, 100)
        .await
        .expect("a page");
    note("what came after a place", 1, next.prices.len(), 100);
    let next = price::after(explained, Some(&[3, 5]), place, end, 100)
        .await
        .expect("a page");
    note(
        "what came after a place of some stocks",
        1,
        next.prices.len(),
        99,
    );
    let latest = price::latest(explained, &ALL_STOCKS).await.expect("prices");
    note("the latest of many stocks", 1, latest.len(), 8);
    let expired = price::has_expired(explained, Some(&ALL_STOCKS), place)
        .await
        .expect("an answer");
    note("whether a cursor has expired", 1, usize::from(expired), 0);
    costs
}

/// The same for candles. For a range in the past, another statement reads the newest candle.
async fn read_candles(explained: &Explained, old: Timestamp) -> Vec<(&'static str, usize, Cost)> {
    let end = Some(old.after(Duration::from_hours(24 * 365)));
    let mut costs = Vec::new();
    for (what, most, interval, to, stocks) in [
        (
            "the newest candles of a stock",
            1,
            CandleInterval::OneMinute,
            None,
            &ALL_STOCKS[2..3],
        ),
        (
            "the newest candles of an old year",
            2,
            CandleInterval::OneMinute,
            end,
            &ALL_STOCKS[2..3],
        ),
        (
            "the newest days of an old year of many",
            2,
            CandleInterval::OneDay,
            end,
            &ALL_STOCKS[..],
        ),
    ] {
        let range = CandleRange {
            interval,
            from: Some(old),
            to,
            limit: 100,
        };
        let read = candle::newest(explained, stocks, range).await;
        let read = read.expect("candles");
        assert!(read.len() == stocks.len() && read.values().all(|it| it.rows.len() == 100));
        costs.push((what, most, explained.take()));
    }
    costs
}

on_both_databases! {
    async fn reads_cost_the_same_in_a_history_of_ten_years(database) {
        let (store, clock) = store(&database, &SYMBOLS).await;
        let archive = Archive {
            from: at("2016-11-01"),
            to: at("2026-11-20"),
            every: Duration::from_hours(8),
            stocks: 8,
        };
        archive.fill(&store, &clock).await;
        let explained = Explained::new(database.read());
        let old = at("2020-05-20");
        let mut costs = read_all(&explained, archive, old).await;
        costs.extend(read_candles(&explained, old).await);
        for (what, most, cost) in costs {
            assert!(cost.statements <= most, "{what}: {cost:?}");
            if database.kind() == DatabaseKind::Sqlite {
                for line in &cost.plan {
                    // A SCAN is of rows already found, not of the table.
                    let found = line == "SCAN prices" && cost.plan.iter().any(|it| it == "CO-ROUTINE prices");
                    let scans = line.starts_with("SCAN") && !line.contains("json_each") && !found;
                    assert!(!scans && !line.contains("TEMP B-TREE"), "{what}: {:#?}", cost.plan);
                }
            } else {
                // The table has some 130 months. An index lookup reads five pages, and a page has
                // several rows of a stock.
                let most = if what.ends_with("of many") { 960 } else { 120 };
                assert!(cost.pages <= most, "{what}: {cost:?}");
                assert!(cost.months <= 4 * cost.statements, "{what}: {cost:?}");
            }
        }
    }

    async fn a_stock_with_few_prices_reads_few_months(database) {
        let (store, clock) = store(&database, &["A", "B"]).await;
        // Stock 1 has prices of ten years, stock 2 has three prices, years ago.
        let archive = Archive { from: at("2016-11-01"), to: at("2026-11-20"), every: Duration::from_hours(24), stocks: 1 };
        archive.fill(&store, &clock).await;
        let days = ["2017-01-05", "2017-02-07", "2017-02-08"];
        let places = days.map(|day| archive.place(1, at(day)).seq.to_string());
        let sql = format!(
            "INSERT INTO stock_prices SELECT 2, recorded_at + 1, seq + 1, price, NULL, NULL, NULL, NULL, NULL, \
             trading_day, market_time, false, provider FROM stock_prices WHERE recorded_at IN ({})",
            places.join(", ")
        );
        database.write().execute_unprepared(&sql).await.expect("store the rows");
        let sql = "INSERT INTO quotes SELECT prices.*, (SELECT MIN(recorded_at) FROM stock_prices WHERE stock_id = 2), 0 \
                   FROM stock_prices AS prices WHERE stock_id = 2 ORDER BY recorded_at DESC LIMIT 1";
        database.write().execute_unprepared(sql).await.expect("it is stored");
        let explained = Explained::new(database.read());
        for from_end in [false, true] {
            let page = price::page(&explained, archive.to, 2, Recorded::default(), &span(None, 50, from_end)).await;
            let page = page.expect("a page");
            assert_eq!((page.rows.len(), page.has_next, page.has_previous), (3, false, false));
            let cost = explained.take();
            assert!(cost.statements <= 2 && cost.months <= 6 && cost.pages <= 60, "{cost:?}");
        }
    }
}
