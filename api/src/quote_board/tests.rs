//! Tests that the board equals the tables.

mod load;
mod pages;

use chrono::Days;
use entity::{AlertKind, ChangeBase, Decimal, Direction, Event, PriceBasis, Timestamp, Trigger};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use runtime::{clock::SystemClock, metrics::Metrics};
use store::{
    Seed,
    database::Database,
    feed::{FeedFollower, FeedTransaction, FeedUpdate},
};
use testkit::on_both_databases;
use tracker::metrics::TrackerMetrics;
use tracker::{
    ingest::{Ingest, QuoteBatch},
    quote::{PreviousClose, Quote},
};

use super::*;

const SYMBOLS: [&str; 6] = ["AAPL", "BRK.A", "GOOG", "IBM", "MSFT", "Z"];

/// Small, so that rows are dropped from memory.
const CAPACITY: Capacity = Capacity {
    size: 1 << 20,
    prices: 5,
    alerts: 4,
    all_alerts: 6,
};

/// A change of the tables.
#[derive(Clone, Debug)]
enum Change {
    Track(usize, Option<String>),
    Untrack(usize),
    /// One batch of quotes, on the trading day with this number.
    Quote(u64, Vec<(usize, i32)>),
    /// The price of a stock that was held fires an alert, which was triggered earlier.
    Release(usize),
    /// The alert with this index, newest first, is acknowledged.
    Acknowledge(usize),
    /// The alert with this index, newest first, is detached from its rule.
    Detach(usize),
    CreateRule(Option<usize>, i32),
    /// The rule of the alert with this index, newest first, is deleted.
    DeleteRule(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let symbol = 0..SYMBOLS.len();
    let name = proptest::option::of("[a-zäÄ ]{1,2}");
    let quotes = proptest::collection::btree_map(symbol.clone(), 90..130_i32, 1..5);
    let busy = proptest::collection::btree_map(0..3_usize, 90..130_i32, 1..3);
    let quote = |(day, quotes): (u64, std::collections::BTreeMap<usize, i32>)| {
        Change::Quote(day, quotes.into_iter().collect())
    };
    prop_oneof![
        1 => (symbol.clone(), name).prop_map(|(at, name)| Change::Track(at, name)),
        1 => symbol.clone().prop_map(Change::Untrack),
        4 => (0..30_u64, quotes).prop_map(quote),
        4 => (0..30_u64, busy).prop_map(quote),
        1 => symbol.clone().prop_map(Change::Release),
        2 => (0..12_usize).prop_map(Change::Acknowledge),
        1 => (0..12_usize).prop_map(Change::Detach),
        1 => (proptest::option::of(symbol), 95..125_i32)
            .prop_map(|(at, level)| Change::CreateRule(at, level)),
        1 => (0..12_usize).prop_map(Change::DeleteRule),
    ]
}

fn symbol(at: usize) -> Symbol {
    SYMBOLS[at].parse().expect("a symbol")
}

fn quote(day: u64, (at, price): (usize, i32)) -> Quote {
    let first: NaiveDate = "2026-09-01".parse().expect("a date");
    Quote {
        previous_close: PreviousClose::Sent(Decimal::from_int(100)),
        volume: Some(price.into()),
        currency: Some("USD".to_owned()),
        ..Quote::new(symbol(at), Decimal::from_int(price), first + Days::new(day))
    }
}

/// A rule that fires for each price that crosses `level`.
fn rule(stock: Option<&Stock>, level: i32) -> AlertRule {
    let zero = Timestamp::from_micros(0);
    AlertRule {
        id: 0,
        stock_id: stock.map(|stock| stock.id),
        symbol: stock.map(|stock| stock.symbol.clone()),
        is_default: false,
        name: Some(format!("above {level}")),
        note: None,
        kind: AlertKind::PriceAbove,
        threshold: Decimal::from_int(level),
        base: None::<ChangeBase>,
        basis: PriceBasis::Last,
        window_seconds: None,
        hold_seconds: 0,
        trigger: Trigger::EveryTime,
        rearm_percent: Decimal::from_int(0),
        cooldown_seconds: 0,
        enabled: true,
        expires_at: None,
        created_at: zero,
        updated_at: None,
        set_threshold: None,
        level_day: None,
        start_seq: 0,
        start_at: zero,
        deleted: false,
    }
}

/// A database, and a board that follows it.
struct World {
    store: Store,
    ingest: Ingest,
    board: QuoteBoard,
    position: Position,
    /// The trading day of quotes does not decrease.
    day: u64,
}

impl World {
    async fn new(database: &Database, symbols: &[usize], capacity: Capacity) -> Self {
        let store = Store::new(database.clone(), SystemClock::shared());
        let seed = Seed {
            epoch: 7,
            alert_threshold: Decimal::from_int(5),
            symbols: symbols.iter().map(|at| symbol(*at)).collect(),
        };
        store::seed(&store, &seed).await.expect("seeded");
        let metrics = TrackerMetrics::new(&Metrics::new("", "").meter(), &[]);
        let ingest = Ingest::new(store.clone(), metrics);
        let loaded = QuoteBoard::load_with(&store, capacity).await;
        let (board, position) = loaded.expect("the tables");
        board.fill(&store).await.expect("the tables");
        Self {
            store,
            ingest,
            board,
            position,
            day: 0,
        }
    }

    /// Applies the feed to the board.
    async fn follow(&mut self) {
        let mut follower = FeedFollower::after(self.store.clone(), self.position);
        let FeedUpdate::Batches(batches) = follower.read_once().await.expect("the feed") else {
            panic!("nothing is pruned");
        };
        for batch in batches {
            // A batch that was applied before is ignored.
            self.board.apply(&batch);
            self.board.apply(&batch);
            self.position = batch.end;
        }
    }

    async fn begin(&self) -> FeedTransaction {
        FeedTransaction::begin(&self.store)
            .await
            .expect("a transaction")
    }

    /// Stores the same prices of these stocks on the next trading day.
    async fn quote(&mut self, stocks: &[usize], price: i32) {
        let quotes = stocks.iter().map(|at| (*at, price)).collect();
        self.change(Change::Quote(self.day + 1, quotes)).await;
    }

    async fn change(&mut self, change: Change) {
        match change {
            Change::Quote(day, quotes) => {
                self.day = self.day.max(day);
                let answers = QuoteBatch {
                    provider: "test",
                    quotes: quotes.into_iter().map(|it| quote(self.day, it)).collect(),
                    ..QuoteBatch::default()
                };
                self.ingest.ingest(answers).await.expect("stored");
            }
            Change::Track(at, name) => {
                let mut feed = self.begin().await;
                let tracked = store::stock::track(&mut feed, &symbol(at), name).await;
                tracked.expect("tracked");
                feed.commit().await.expect("committed");
            }
            Change::Untrack(at) => {
                let mut feed = self.begin().await;
                let untracked = store::stock::untrack(&mut feed, &symbol(at)).await;
                untracked.expect("untracked");
                feed.commit().await.expect("committed");
            }
            Change::Release(at) => self.release(at).await,
            Change::Acknowledge(at) => {
                let Some(alert) = self.alert(at).await else {
                    return;
                };
                let mut feed = self.begin().await;
                let acknowledged = store::alert::acknowledge(&mut feed, alert.id).await;
                acknowledged.expect("acknowledged").expect("an alert");
                feed.commit().await.expect("committed");
            }
            Change::Detach(at) => {
                let Some(alert) = self.alert(at).await else {
                    return;
                };
                let mut feed = self.begin().await;
                let (stock, day) = (alert.stock_id, alert.trading_day);
                let rule = alert.rule_id.unwrap_or_default();
                let detached = store::alert::detach(&mut feed, rule, stock, day).await;
                detached.expect("detached");
                feed.commit().await.expect("committed");
            }
            Change::CreateRule(at, level) => {
                let stock = self.stock(at.unwrap_or_default()).await;
                let of_stock = at.and(stock.as_ref());
                let mut feed = self.begin().await;
                let created = store::rule::create(&mut feed, rule(of_stock, level)).await;
                created.expect("created");
                feed.commit().await.expect("committed");
            }
            Change::DeleteRule(at) => {
                let rule = self.alert(at).await.and_then(|alert| alert.rule_id);
                let rules = store::rule::list(self.store.database.read(), None).await;
                let mut rules = rules.expect("rules").into_iter();
                let Some(rule) = rules.find(|it| Some(it.id) == rule && !it.is_default) else {
                    return;
                };
                let mut feed = self.begin().await;
                store::rule::delete(&mut feed, &rule)
                    .await
                    .expect("deleted");
                feed.commit().await.expect("committed");
            }
        }
    }

    async fn release(&self, at: usize) {
        let Some(stock) = self.stock(at).await else {
            return;
        };
        let prices = stored(&self.store, stock.id).await;
        let Some(price) = prices.last() else { return };
        let mut feed = self.begin().await;
        let mut alerts = [Alert {
            id: 0,
            stock_id: stock.id,
            symbol: stock.symbol,
            seq: feed.next_seq(),
            rule_id: None,
            kind: AlertKind::PercentChange,
            direction: Direction::Up,
            price: price.price,
            reference_price: None,
            change_percent: None,
            threshold: Decimal::from_int(5),
            trading_day: price.trading_day,
            triggered_at: price.recorded_at,
            acknowledged_at: None,
            fired_at: Some(feed.recorded_at()),
            price_seq: Some(price.seq),
            rule_name: None,
            touched: None,
        }];
        let recorded = store::alert::record(feed.connection(), &mut alerts).await;
        recorded.expect("recorded");
        let [alert] = alerts;
        feed.push(Event::AlertFired { alert });
        let published = store::stock::publish(&mut feed, stock.id).await;
        published.expect("published");
        feed.commit().await.expect("committed");
    }

    async fn stock(&self, at: usize) -> Option<Stock> {
        let stock = store::stock::by_symbol(self.store.database.read(), &symbol(at)).await;
        stock.expect("the stocks")
    }

    /// Returns an alert by its index, newest first.
    async fn alert(&self, at: usize) -> Option<Alert> {
        let alerts = alerts(&self.store, AlertFilter::All).await;
        alerts.into_iter().nth(at)
    }
}

fn newest(limit: u32) -> Span<Position> {
    Span {
        after: None,
        before: None,
        limit,
        from_end: false,
    }
}

/// Returns the stored prices of a stock, newest first.
async fn stored(store: &Store, stock: i64) -> Vec<Price> {
    let (connection, now) = (store.database.read(), store.clock.now());
    let span = newest(500).map(store::price::PriceKey::from);
    let page = store::price::page(connection, now, stock, Recorded::default(), &span);
    page.await.expect("a page").rows
}

/// Returns the newest stored alerts.
async fn alerts(store: &Store, filter: AlertFilter) -> Vec<Alert> {
    let span = newest(500).map(store::alert::AlertKey::from);
    let page = store::alert::page(store.database.read(), filter, Recorded::default(), &span);
    page.await.expect("a page").rows
}

/// Asserts that a board equals one that is loaded now.
async fn assert_equals_tables(board: &QuoteBoard, store: &Store) {
    let (fresh, position) = QuoteBoard::load(store).await.expect("the tables");
    let count = store::alert::count(store.database.read()).await;
    let (ours, theirs) = (board.read(), fresh.read());
    assert_eq!(ours.position(), position);
    assert_eq!(ours.alert_count(), count.expect("the alerts"));
    assert_eq!(ours.rules, theirs.rules);
    // Repeated quotes change `answered_at` without an event.
    let timeless = |stock: &Stock| Stock {
        answered_at: None,
        ..stock.clone()
    };
    let listed = |state: &BoardState| -> Vec<(Stock, Option<Price>)> {
        let quoted = state.quoted();
        quoted
            .map(|(stock, price)| (timeless(stock), price.cloned()))
            .collect()
    };
    assert_eq!(listed(&ours), listed(&theirs));
    for entry in theirs.stocks.all() {
        let (id, symbol) = (entry.stock.id, &entry.stock.symbol);
        let stock = ours.stock_by_id(id).map(timeless);
        assert_eq!(stock.as_ref(), Some(&timeless(&entry.stock)));
        assert_eq!(ours.stock(symbol), ours.stock_by_id(id));
        assert_eq!(ours.latest_price(id), entry.latest.as_ref());
    }
}

on_both_databases! {
    async fn a_cursor_that_is_ahead_of_memory_is_left_to_the_tables(database) {
        let mut world = World::new(&database, &[0], CAPACITY).await;
        let position = world.position;
        world.quote(&[0], 120).await;
        let board = &world.board;
        let stock = board.stock(&symbol(0)).expect("a stock").id;
        let end = store::feed::end(&world.store).await.expect("the end");
        let newest = |after| Span { after, ..newest(1) };
        let recorded = Recorded::default();
        assert!(board.history(stock, recorded, &newest(Some(position)), Reading::Current).is_some());
        assert_eq!(board.history(stock, recorded, &newest(Some(end)), Reading::Current), None);
        for filter in [AlertFilter::All, AlertFilter::Stock(stock)] {
            assert!(board.alerts(filter, recorded, &newest(Some(position)), Reading::Current).is_some());
            assert_eq!(board.alerts(filter, recorded, &newest(Some(end)), Reading::Current), None);
            assert!(board.alerts(filter, recorded, &newest(Some(end)), Reading::Outage).is_some());
        }
        // In an outage, deleted prices are returned too.
        assert!(board.history(stock, recorded, &newest(Some(end)), Reading::Outage).is_some());
    }

    async fn a_search_finds_names_in_any_case_and_form(database) {
        let mut world = World::new(&database, &[], CAPACITY).await;
        // Older versions stored names without normalization.
        let names = ["Nestle\u{301} S.A.", "\u{c9}lectricit\u{e9}", "Stra\u{df}e", "\u{39f}\u{394}\u{39f}\u{3a3}"];
        for (at, name) in names.iter().enumerate() {
            world.change(Change::Track(at, Some((*name).to_owned()))).await;
        }
        let (loaded, _) = QuoteBoard::load(&world.store).await.expect("the tables");
        world.follow().await;
        let span = Span { after: None, before: None, limit: 10, from_end: false };
        for board in [&loaded, &world.board] {
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
}
