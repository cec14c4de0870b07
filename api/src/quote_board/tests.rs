//! The board beside the tables that it stands for.

use entity::Decimal;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use runtime::{clock::SystemClock, metrics::Metrics};
use store::{
    Seed,
    feed::{FeedFollower, FeedTransaction, Followed},
    price::PriceKey,
};
use testkit::on_both_databases;
use tracker::metrics::TrackerMetrics;
use tracker::{
    ingest::{Ingest, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use super::*;

const SYMBOLS: [&str; 6] = ["AAPL", "BRK.A", "GOOG", "IBM", "MSFT", "Z"];

/// Something that changes the tables.
#[derive(Clone, Debug)]
enum Change {
    Track(usize, Option<String>),
    Untrack(usize),
    /// Quotes of some symbols, one answer of a provider.
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
        // Mostly prices.
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
            ingest.ingest(answers).await.expect("it is stored");
        }
        Change::Track(at, name) => {
            let mut feed = FeedTransaction::begin(store).await.expect("a turn");
            let tracked = store::stock::track(&mut feed, &symbol(at), name).await;
            tracked.expect("it is tracked");
            feed.commit().await.expect("it is told");
        }
        Change::Untrack(at) => {
            let mut feed = FeedTransaction::begin(store).await.expect("a turn");
            let untracked = store::stock::untrack(&mut feed, &symbol(at)).await;
            untracked.expect("it is untracked");
            feed.commit().await.expect("it is told");
        }
    }
}

/// All that a board tells, which another one that was read from the tables just now tells too.
async fn same(board: &Board, store: &Store) {
    let (fresh, position) = Board::read(store).await.expect("the tables");
    let (mine, theirs) = (board.state(), fresh.state());
    assert_eq!(mine.position, position);
    assert_eq!(mine.ids, theirs.ids);
    assert_eq!(mine.rules, theirs.rules);
    for (id, known) in &theirs.stocks {
        let ours = &mine.stocks[id];
        // Repeated quotes are answers that the feed does not tell of.
        let timeless = |stock: &Stock| Stock {
            answered_at: None,
            ..stock.clone()
        };
        assert_eq!(timeless(&ours.stock), timeless(&known.stock));
        assert_eq!(ours.latest, known.latest);
        let all = |recent: &Recent| recent.page(Recorded::default(), &span(2, false)).is_some();
        assert_eq!(all(&ours.recent), all(&known.recent));
    }
}

fn span(limit: u32, from_end: bool) -> Span<Position> {
    Span {
        after: None,
        before: None,
        limit,
        from_end,
    }
}

/// Every page of a stock's prices that the board answers is what the table says, and the newest ones are answered.
async fn same_pages(board: &Board, store: &Store, stock: i64, each: u32) {
    let connection = store.database.read();
    let all = keyed(&span(500, false));
    let now = store.clock.now();
    let rows = store::price::page(connection, now, stock, Recorded::default(), &all);
    let rows = rows.await.expect("a page").rows;
    let position = |price: &Price| Position {
        epoch: 7,
        seq: price.seq,
        recorded_at: price.recorded_at,
    };
    let places: Vec<Option<Position>> = std::iter::once(None)
        .chain(rows.iter().map(|row| Some(position(row))))
        .collect();
    let mut answered = 0;
    for after in &places {
        for (limit, from_end) in [(0, false), (1, false), (each - 1, false), (2, true)] {
            for before in [None, places.last().copied().flatten()] {
                let span = Span {
                    after: *after,
                    before,
                    limit,
                    from_end,
                };
                let from = before.map(|at| at.recorded_at);
                for recorded in [Recorded::default(), Recorded { from, to: None }] {
                    let Some(told) = board.history(stock, recorded, &span) else {
                        continue;
                    };
                    answered += 1;
                    let span = keyed(&span);
                    let page = store::price::page(connection, now, stock, recorded, &span);
                    let page = page.await.expect("a page");
                    assert_eq!(told, page, "{span:?} {recorded:?}");
                }
            }
        }
    }
    assert!(answered >= 3, "the newest are answered: {answered}");
}

fn keyed(span: &Span<Position>) -> Span<PriceKey> {
    Span {
        after: span.after.map(Into::into),
        before: span.before.map(Into::into),
        limit: span.limit,
        from_end: span.from_end,
    }
}

on_both_databases! {
    async fn the_board_is_what_the_tables_are_after_any_events(database) {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: vec![symbol(0), symbol(3)],
        };
        store::seed(&store, &seed).await.expect("it is seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        let mut runner = TestRunner::deterministic();
        let (board, mut position) = Board::read(&store).await.expect("the tables");
        // Few, so that prices are forgotten.
        let each = 5;
        board.write().each = each as usize;
        for round in 0..240 {
            let change = change().new_tree(&mut runner).expect("a change").current();
            make(&store, &ingest, change).await;
            let mut follower = FeedFollower::after(store.clone(), position);
            let Followed::Batches(batches) = follower.read_once().await.expect("the feed") else {
                panic!("nothing is pruned");
            };
            for batch in batches {
                // Nothing is taken in twice.
                board.pass(&batch);
                board.pass(&batch);
                position = batch.end;
            }
            if round == 99 {
                let read = board.read_again(&store).await;
                read.expect("the tables");
                board.write().each = each as usize;
            }
            if round % 10 == 9 {
                same(&board, &store).await;
            }
        }
        board.passed(position.seq).await;
        let priced: Vec<i64> = {
            let state = board.state();
            let known = state.stocks.values().filter(|known| known.latest.is_some());
            known.map(|known| known.stock.id).collect()
        };
        for stock in priced {
            same_pages(&board, &store, stock, each).await;
        }
        assert!(position.seq > 100, "{position:?}");
    }

    async fn a_search_finds_names_in_any_case_and_form(database) {
        let store = Store::new((*database).clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: Vec::new(),
        };
        store::seed(&store, &seed).await.expect("it is seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        // As older programs stored them: not normalized.
        let names = ["Nestle\u{301} S.A.", "\u{c9}lectricit\u{e9}", "Stra\u{df}e", "\u{39f}\u{394}\u{39f}\u{3a3}"];
        for (at, name) in names.iter().enumerate() {
            make(&store, &ingest, Change::Track(at, Some((*name).to_owned()))).await;
        }
        let (board, _) = Board::read(&store).await.expect("the tables");
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
