//! Tests that the board equals the tables.

use entity::Decimal;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use runtime::{clock::SystemClock, metrics::Metrics};
use store::{
    Seed,
    feed::{FeedFollower, FeedTransaction, FeedUpdate},
    price::PriceKey,
    retention::{PruneCursor, prune_prices},
};
use testkit::on_both_databases;
use tracker::metrics::TrackerMetrics;
use tracker::{
    ingest::{Ingest, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use super::*;

const SYMBOLS: [&str; 6] = ["AAPL", "BRK.A", "GOOG", "IBM", "MSFT", "Z"];

/// A change of the tables.
#[derive(Clone, Debug)]
enum Change {
    Track(usize, Option<String>),
    Untrack(usize),
    /// One batch of quotes.
    Quote(Vec<(usize, i32)>),
}

fn change() -> impl Strategy<Value = Change> {
    let symbol = 0..SYMBOLS.len();
    let name = proptest::option::of("[a-zäÄ ]{1,2}");
    let quotes = proptest::collection::btree_map(symbol.clone(), 90..130_i32, 1..5);
    prop_oneof![
        (symbol.clone(), name).prop_map(|(at, name)| Change::Track(at, name)),
        symbol.prop_map(Change::Untrack),
        quotes.prop_map(|quotes| Change::Quote(quotes.into_iter().collect())),
        // Prices are the most likely change.
        proptest::collection::btree_map(0..3_usize, 90..130_i32, 1..3)
            .prop_map(|quotes| Change::Quote(quotes.into_iter().collect())),
    ]
}

fn symbol(at: usize) -> Symbol {
    SYMBOLS[at].parse().expect("a symbol")
}

fn quote((at, price): (usize, i32)) -> Quote {
    Quote {
        symbol: symbol(at),
        price: Decimal::from_int(price),
        previous_close: PreviousClose::Sent(Decimal::from_int(100)),
        open: None,
        high: None,
        low: None,
        volume: Some(price.into()),
        trading_day: "2026-11-20".parse().expect("a date"),
        market_time: None,
        name: None,
        currency: Some("USD".to_owned()),
        exchange: None,
        unrounded: None,
        split: None,
    }
}

async fn make(store: &Store, ingest: &Ingest, change: Change) {
    match change {
        Change::Quote(quotes) => {
            let answers = QuoteBatch {
                provider: "test",
                quotes: quotes.into_iter().map(quote).collect(),
                ..QuoteBatch::default()
            };
            ingest.ingest(answers).await.expect("stored");
        }
        Change::Track(at, name) => {
            let mut feed = FeedTransaction::begin(store).await.expect("a transaction");
            let tracked = store::stock::track(&mut feed, &symbol(at), name).await;
            tracked.expect("tracked");
            feed.commit().await.expect("committed");
        }
        Change::Untrack(at) => {
            let mut feed = FeedTransaction::begin(store).await.expect("a transaction");
            let untracked = store::stock::untrack(&mut feed, &symbol(at)).await;
            untracked.expect("untracked");
            feed.commit().await.expect("committed");
        }
    }
}

/// Asserts that a board equals one that is loaded now.
async fn assert_equals_tables(board: &QuoteBoard, store: &Store) {
    let (fresh, position) = QuoteBoard::load(store).await.expect("the tables");
    let (ours, theirs) = (board.state(), fresh.state());
    assert_eq!(ours.position, position);
    assert_eq!(ours.ids, theirs.ids);
    assert_eq!(ours.rules, theirs.rules);
    for (id, entry) in &theirs.stocks {
        let ours = &ours.stocks[id];
        // Repeated quotes change `answered_at` without an event.
        let timeless = |stock: &Stock| Stock {
            answered_at: None,
            ..stock.clone()
        };
        assert_eq!(timeless(&ours.stock), timeless(&entry.stock));
        assert_eq!(ours.latest, entry.latest);
    }
}

/// A query of a stock's prices. Cursors and times are those of the price with this index, newest
/// first.
#[derive(Clone, Debug)]
struct Query {
    after: Option<usize>,
    before: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    limit: u32,
    from_end: bool,
}

/// Queries near the newest prices, of which memory holds `capacity`.
fn query(capacity: usize) -> impl Strategy<Value = Query> {
    let index = || proptest::option::weighted(0.3, 0..capacity + 3);
    let limit = 0..u32::try_from(capacity).expect("a small number") + 2;
    let times = (index(), index());
    (index(), index(), times, limit, any::<bool>()).prop_map(
        |(after, before, (from, to), limit, from_end)| Query {
            after,
            before,
            from,
            to,
            limit,
            from_end,
        },
    )
}

/// Asserts that each page of a stock's prices from memory equals the page from the database.
/// Returns the number of queries that memory could answer.
async fn assert_same_pages(
    board: &QuoteBoard,
    store: &Store,
    stock: i64,
    queries: &[Query],
) -> usize {
    let (connection, now) = (store.database.read(), store.clock.now());
    let rows = stored(store, stock).await;
    let at = |index: &Option<usize>| {
        let row = rows.get((*index)?)?;
        Some(Position {
            epoch: 7,
            seq: row.seq,
            recorded_at: row.recorded_at,
        })
    };
    let mut answered = 0;
    for query in queries {
        let span = Span {
            after: at(&query.after),
            before: at(&query.before),
            limit: query.limit,
            from_end: query.from_end,
        };
        let recorded = Recorded {
            from: at(&query.from).map(|position| position.recorded_at),
            to: at(&query.to).map(|position| position.recorded_at),
        };
        let Some(from_memory) = board.history(stock, recorded, &span) else {
            continue;
        };
        answered += 1;
        let keys = span.map(PriceKey::from);
        let from_tables = store::price::page(connection, now, stock, recorded, &keys).await;
        assert_eq!(from_memory, from_tables.expect("a page"), "{query:?}");
        if keys.after.is_none() && keys.before.is_none() {
            let (limit, from_end) = (keys.limit, keys.from_end);
            let stocks = [stock];
            let first =
                store::price::first_pages(connection, now, &stocks, recorded, limit, from_end);
            let first = first.await.expect("pages");
            assert_eq!(first.get(&stock), Some(&from_memory), "{query:?}");
        }
    }
    answered
}

/// Returns the stored prices of a stock, newest first.
async fn stored(store: &Store, stock: i64) -> Vec<Price> {
    let every = Span {
        after: None,
        before: None,
        limit: 500,
        from_end: false,
    };
    let (connection, now) = (store.database.read(), store.clock.now());
    let page = store::price::page(connection, now, stock, Recorded::default(), &every);
    page.await.expect("a page").rows
}

/// Deletes the prices that are older than half of `rows`.
async fn prune(store: &Store, board: &QuoteBoard, rows: &[Price]) {
    let middle = rows.len() / 2;
    let retention = runtime::config::RetentionSettings {
        ticks: store.clock.now().since(rows[middle].recorded_at),
        feed: Duration::from_hours(1),
        deliveries: Duration::from_hours(30 * 24),
    };
    let mut cursor = Some(PruneCursor::default());
    while let Some(from) = cursor {
        cursor = prune_prices(store, retention, from).await.expect("a batch");
    }
    let pruned_seq = store::price::pruned_seq(store.database.read()).await;
    let pruned_seq = pruned_seq.expect("the head");
    assert!(pruned_seq >= rows[middle + 1].seq, "prices are deleted");
    board.set_pruned_seq(pruned_seq);
}

on_both_databases! {
    async fn memory_and_tables_give_the_same_answers_after_any_events(database) {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: vec![symbol(0), symbol(3)],
        };
        store::seed(&store, &seed).await.expect("seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        let mut runner = TestRunner::deterministic();
        let (board, mut position) = QuoteBoard::load(&store).await.expect("the tables");
        // Few, so that prices are dropped from memory.
        let capacity = 5;
        board.state_mut().prices_per_stock = capacity;
        for round in 0..240 {
            let change = change().new_tree(&mut runner).expect("a change").current();
            make(&store, &ingest, change).await;
            let mut follower = FeedFollower::after(store.clone(), position);
            let FeedUpdate::Batches(batches) = follower.read_once().await.expect("the feed") else {
                panic!("nothing is pruned");
            };
            for batch in batches {
                // A batch that was applied before is ignored.
                board.apply(&batch);
                board.apply(&batch);
                position = batch.end;
            }
            if round == 99 {
                let reloaded = board.reload(&store).await;
                reloaded.expect("the tables");
                board.state_mut().prices_per_stock = capacity;
            }
            if round % 10 == 9 {
                assert_equals_tables(&board, &store).await;
            }
            if round % 60 == 59 {
                let priced: Vec<i64> = {
                    let state = board.state();
                    let priced = state.stocks.values().filter(|entry| entry.latest.is_some());
                    priced.map(|entry| entry.stock.id).collect()
                };
                let (mut busiest, mut most) = (0, Vec::new());
                for stock in &priced {
                    let rows = stored(&store, *stock).await;
                    if rows.len() > most.len() {
                        (busiest, most) = (*stock, rows);
                    }
                }
                // The first time, nothing is pruned.
                if round > 60 {
                    prune(&store, &board, &most).await;
                }
                for stock in priced {
                    let queries: Vec<Query> = (0..40)
                        .map(|_| query(capacity).new_tree(&mut runner).expect("a query").current())
                        .collect();
                    let answered = assert_same_pages(&board, &store, stock, &queries).await;
                    assert!(stock != busiest || answered >= 8, "memory answered {answered}");
                }
            }
        }
        board.wait_for(position.seq).await;
        assert!(position.seq > 100, "{position:?}");
    }

    async fn a_cursor_that_is_ahead_of_memory_is_left_to_the_tables(database) {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: vec![symbol(0)],
        };
        store::seed(&store, &seed).await.expect("seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        let (board, position) = QuoteBoard::load(&store).await.expect("the tables");
        make(&store, &ingest, Change::Quote(vec![(0, 100)])).await;
        let stock = board.stock(&symbol(0)).expect("a stock").id;
        let end = store::feed::end(&store).await.expect("the end");
        let newest = |after| Span { after, before: None, limit: 1, from_end: false };
        let recorded = Recorded::default();
        assert!(board.history(stock, recorded, &newest(Some(position))).is_some());
        assert_eq!(board.history(stock, recorded, &newest(Some(end))), None);
        // In an outage, deleted prices are returned too.
        assert!(board.history_in_outage(stock, recorded, &newest(Some(end))).is_some());
    }

    async fn a_search_finds_names_in_any_case_and_form(database) {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: Vec::new(),
        };
        store::seed(&store, &seed).await.expect("seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        // Older versions stored names without normalization.
        let names = ["Nestle\u{301} S.A.", "\u{c9}lectricit\u{e9}", "Stra\u{df}e", "\u{39f}\u{394}\u{39f}\u{3a3}"];
        for (at, name) in names.iter().enumerate() {
            make(&store, &ingest, Change::Track(at, Some((*name).to_owned()))).await;
        }
        let (board, _) = QuoteBoard::load(&store).await.expect("the tables");
        let span = Span { after: None, before: None, limit: 10, from_end: false };
        for (search, found) in [
            ("nestl\u{e9}", &SYMBOLS[..1]),
            ("NESTLE\u{301}", &SYMBOLS[..1]),
            ("nestle s", &[]),
            ("e\u{301}LEC", &SYMBOLS[1..2]),
            ("STRASSE", &SYMBOLS[2..3]),
            ("\u{3bf}\u{3b4}\u{3bf}\u{3c2}", &SYMBOLS[3..4]),
            ("brk", &SYMBOLS[1..2]),
            ("%", &[]),
            ("", &SYMBOLS[..4]),
        ] {
            let page = board.stocks(Some(search), &span);
            let rows: Vec<&str> = page.rows.iter().map(|stock| stock.symbol.as_str()).collect();
            assert_eq!(rows, found, "{search}");
            assert_eq!(board.stock_count(Some(search)), found.len(), "{search}");
        }
    }
}
