//! Tests that pages from memory equal those from the database.

use store::{
    alert::AlertKey,
    price::PriceKey,
    retention::{PruneCursor, prune_prices},
};

use super::*;

/// A query of a list. Cursors and times are those of the row with this index, newest first.
#[derive(Clone, Debug)]
struct Query {
    after: Option<usize>,
    before: Option<usize>,
    from: Option<usize>,
    to: Option<usize>,
    limit: u32,
    from_end: bool,
}

/// Queries near the newest rows, of which memory holds `capacity`.
fn query(capacity: u32) -> impl Strategy<Value = Query> {
    let most = capacity as usize + 3;
    let index = move || proptest::option::weighted(0.3, 0..most);
    let times = (index(), index());
    (index(), index(), times, 0..capacity + 2, any::<bool>()).prop_map(
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

impl Query {
    /// Returns the span and the time range, given the positions and times of all rows.
    fn within(&self, rows: &[(i64, Timestamp, Timestamp)]) -> (Span<Position>, Recorded) {
        let at = |index: Option<usize>| {
            let (seq, recorded_at, _) = *rows.get(index?)?;
            Some(Position {
                epoch: 7,
                seq,
                recorded_at,
            })
        };
        let time = |index: Option<usize>| Some(rows.get(index?)?.2);
        let span = Span {
            after: at(self.after),
            before: at(self.before),
            limit: self.limit,
            from_end: self.from_end,
        };
        let recorded = Recorded {
            from: time(self.from),
            to: time(self.to),
        };
        (span, recorded)
    }
}

/// Asserts that each page of a stock's prices from memory equals the page from the database.
/// Returns the number of queries that memory could answer.
async fn assert_same_prices(world: &World, stock: i64, queries: &[Query]) -> usize {
    let store = &world.store;
    let (connection, now) = (store.database.read(), store.clock.now());
    let rows = stored(store, stock).await.into_iter();
    let rows: Vec<_> = rows
        .map(|row| (row.seq, row.recorded_at, row.recorded_at))
        .collect();
    let mut answered = 0;
    for query in queries {
        let (span, recorded) = query.within(&rows);
        let Some(from_memory) = world
            .board
            .history(stock, recorded, &span, Reading::Current)
        else {
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

/// Like [`assert_same_prices`], for alerts.
async fn assert_same_alerts(world: &World, filter: AlertFilter, queries: &[Query]) -> usize {
    let connection = world.store.database.read();
    let alerts = alerts(&world.store, filter).await;
    let times = |row: &Alert| (row.seq, row.recorded_at(), row.triggered_at);
    let rows: Vec<_> = alerts.iter().map(times).collect();
    let mut answered = 0;
    for query in queries {
        let (span, triggered) = query.within(&rows);
        let Some(from_memory) = world
            .board
            .alerts(filter, triggered, &span, Reading::Current)
        else {
            continue;
        };
        answered += 1;
        let keys = span.map(AlertKey::from);
        let from_tables = store::alert::page(connection, filter, triggered, &keys).await;
        assert_eq!(from_memory, from_tables.expect("a page"), "{query:?}");
        let is_first = keys.after.is_none() && keys.before.is_none();
        if let AlertFilter::Stock(stock) = filter
            && is_first
            && triggered == Recorded::default()
        {
            let (limit, from_end) = (keys.limit, keys.from_end);
            let first = store::alert::first_pages(connection, &[stock], limit, from_end).await;
            assert_eq!(
                first.expect("pages").get(&stock),
                Some(&from_memory),
                "{query:?}"
            );
        }
    }
    let ids: Vec<i64> = alerts.iter().map(|alert| alert.id).collect();
    for (id, alert) in world.board.alerts_by_id(&ids) {
        assert_eq!(alerts.iter().find(|stored| stored.id == id), Some(&alert));
    }
    answered
}

/// The number of queries that memory answered.
#[derive(Debug, Default)]
struct Answered {
    prices: usize,
    alerts: usize,
    all_alerts: usize,
}

/// Asserts that random pages of all lists equal those from the database.
async fn assert_same_pages(world: &World, runner: &mut TestRunner, count: usize) -> Answered {
    let mut queries = |capacity| -> Vec<Query> {
        let draw = |_| query(capacity).new_tree(runner).expect("a query").current();
        (0..count).map(draw).collect()
    };
    let stocks: Vec<i64> = world
        .board
        .read()
        .stocks
        .all()
        .map(|it| it.stock.id)
        .collect();
    let mut answered = Answered::default();
    for stock in stocks {
        let drawn = queries(CAPACITY.prices);
        answered.prices += assert_same_prices(world, stock, &drawn).await;
        let drawn = queries(CAPACITY.alerts);
        let filter = AlertFilter::Stock(stock);
        answered.alerts += assert_same_alerts(world, filter, &drawn).await;
        let of_rule = AlertFilter::Rule(1);
        assert_eq!(
            world
                .board
                .alerts(of_rule, Recorded::default(), &newest(1), Reading::Current),
            None
        );
    }
    let drawn = queries(CAPACITY.all_alerts);
    answered.all_alerts += assert_same_alerts(world, AlertFilter::All, &drawn).await;
    answered
}

/// Deletes the older half of the prices of the stock that has most of them.
async fn prune(world: &World) {
    let (store, board) = (&world.store, &world.board);
    let stocks: Vec<i64> = board.read().stocks.all().map(|it| it.stock.id).collect();
    let mut rows = Vec::new();
    for stock in stocks {
        let stored = stored(store, stock).await;
        if stored.len() > rows.len() {
            rows = stored;
        }
    }
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

/// A load of rows in the middle of other changes.
struct PendingLoad {
    stocks: Vec<i64>,
    ticket: u64,
    pages: Option<store::RecentPages>,
}

/// Makes random changes, and compares the board with the tables after them. Rows are loaded in
/// steps, with changes between the steps. Returns the number of answered queries, and of loads.
async fn follow_changes(database: &Database, capacity: Capacity) -> (Answered, usize) {
    let mut world = World::new(database, &[0, 3], capacity).await;
    let mut runner = TestRunner::deterministic();
    let mut answered = Answered::default();
    let (mut pending, mut loads) = (None::<PendingLoad>, 0);
    for round in 0..300 {
        let change = change().new_tree(&mut runner).expect("a change").current();
        world.change(change).await;
        let draw = (0..4_u32)
            .new_tree(&mut runner)
            .expect("a number")
            .current();
        // Sometimes the board is behind the tables.
        if draw > 0 || round % 10 == 9 {
            world.follow().await;
        }
        let board = &world.board;
        let sizes = store::RecentSizes {
            prices: capacity.prices,
            alerts: capacity.alerts,
        };
        pending = match pending.take() {
            None => {
                let mut state = board.state.write();
                let stocks: Vec<i64> = state.stocks.all().map(|it| it.stock.id).collect();
                let (stocks, _) = state.begin_loading(&stocks, round);
                Some(PendingLoad {
                    stocks,
                    ticket: round,
                    pages: None,
                })
            }
            Some(load) if load.pages.is_none() => {
                let read = store::recent(&world.store, &load.stocks, sizes).await;
                Some(PendingLoad {
                    pages: Some(read.expect("rows")),
                    ..load
                })
            }
            Some(load) => {
                let seq = load.pages.as_ref().map_or(0, |pages| pages.position.seq);
                let is_current = seq <= board.read().position().seq;
                loads += usize::from(is_current && !load.stocks.is_empty());
                let mut state = board.state.write();
                state.end_loading(&load.stocks, load.ticket, load.pages);
                assert!(state.size() <= capacity.size, "{} bytes", state.size());
                None
            }
        };
        if round == 99 {
            board.reload(&world.store).await.expect("the tables");
            world.position = board.read().position();
        }
        if round % 10 == 9 {
            assert_equals_tables(&world.board, &world.store).await;
        }
        if round % 20 == 19 {
            // The first time, nothing is pruned.
            if round % 60 == 59 && round > 60 {
                prune(&world).await;
            }
            let found = assert_same_pages(&world, &mut runner, 12).await;
            answered.prices += found.prices;
            answered.alerts += found.alerts;
            answered.all_alerts += found.all_alerts;
        }
    }
    world.board.wait_for(world.position.seq).await;
    assert!(world.position.seq > 100, "{:?}", world.position);
    (answered, loads)
}

on_both_databases! {
    async fn memory_and_tables_give_the_same_answers_after_any_events(database) {
        let (answered, _) = follow_changes(&database, CAPACITY).await;
        let Answered { prices, alerts, all_alerts } = answered;
        assert!(prices > 200 && alerts > 200 && all_alerts > 40, "{answered:?}");
    }

    async fn rows_that_are_dropped_and_loaded_again_equal_the_tables(database) {
        // The rows of about two stocks fit.
        let capacity = Capacity { size: 6 << 10, ..CAPACITY };
        let (answered, loads) = follow_changes(&database, capacity).await;
        assert!(answered.prices > 50 && answered.alerts > 50 && loads > 10, "{answered:?} {loads}");
    }

    async fn without_memory_everything_is_left_to_the_tables(database) {
        let (answered, loads) = follow_changes(&database, Capacity::within(0)).await;
        assert_eq!(loads, 0);
        assert_eq!(answered.all_alerts, 0, "{answered:?}");
    }
}
