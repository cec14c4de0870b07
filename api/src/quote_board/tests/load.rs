//! Tests of loading and dropping the rows of stocks.

use std::pin::pin;

use futures_util::FutureExt;

use super::*;

/// Returns a board whose stocks all have prices in the tables only.
async fn unloaded(database: &Database) -> (World, Vec<i64>) {
    let mut world = World::new(database, &[0, 1, 2, 3], CAPACITY).await;
    world.quote(&[0, 1, 2, 3], 120).await;
    world.follow().await;
    world.board.state.write().drop_rows();
    let stocks: Vec<i64> = world
        .board
        .quoted()
        .iter()
        .map(|(stock, _)| stock.id)
        .collect();
    assert!(stocks.iter().all(|stock| !has(&world, *stock)));
    (world, stocks)
}

/// Whether memory has the rows of a stock.
fn has(world: &World, stock: i64) -> bool {
    let board = &world.board;
    let history = board.history(stock, Recorded::default(), &newest(1), Reading::Current);
    let alerts = board.alerts(
        AlertFilter::Stock(stock),
        Recorded::default(),
        &newest(1),
        Reading::Current,
    );
    assert_eq!(history.is_some(), alerts.is_some());
    history.is_some()
}

on_both_databases! {
    async fn rows_are_loaded_once_for_all_who_wait(database) {
        let (world, stocks) = unloaded(&database).await;
        let (begun, others) = world.board.state.write().begin_loading(&stocks[..2], u64::MAX);
        assert_eq!((begun.len(), others.len()), (2, 0));
        let (store, board) = (&world.store, &world.board);
        let mut load = pin!(board.load_rows(store, &stocks[1..3]));
        // The third stock is loaded, and the second awaited.
        while !has(&world, stocks[2]) {
            assert!(timeout(Duration::from_millis(10), &mut load).await.is_err());
        }
        assert!((&mut load).now_or_never().is_none());
        board.state.write().end_loading(&begun, u64::MAX, None);
        load.await.expect("the other load has ended");
        assert_eq!(stocks.iter().map(|stock| has(&world, *stock)).collect::<Vec<_>>(), [false, false, true, false]);
        board.load_rows(store, &stocks).await.expect("loaded");
        assert!(stocks.iter().all(|stock| has(&world, *stock)));
        assert!(!board.lacks_rows(&stocks));
    }

    async fn a_load_that_is_abandoned_can_be_repeated(database) {
        let (mut world, stocks) = unloaded(&database).await;
        // A load waits for the board to become as new as the rows.
        world.quote(&[0], 130).await;
        assert!(world.board.load_rows(&world.store, &stocks).now_or_never().is_none());
        world.follow().await;
        assert!(stocks.iter().all(|stock| !has(&world, *stock)));
        world.board.load_rows(&world.store, &stocks).await.expect("loaded");
        assert!(stocks.iter().all(|stock| has(&world, *stock)));
    }

    async fn rows_that_are_newer_than_the_board_are_not_kept(database) {
        let (mut world, stocks) = unloaded(&database).await;
        world.quote(&[0], 130).await;
        world.board.load_rows(&world.store, &stocks).await.expect("read");
        assert!(stocks.iter().all(|stock| !has(&world, *stock)));
        world.follow().await;
        world.board.load_rows(&world.store, &stocks).await.expect("loaded");
        assert!(stocks.iter().all(|stock| has(&world, *stock)));
    }

    async fn the_stocks_that_were_read_least_recently_are_dropped(database) {
        let (world, stocks) = unloaded(&database).await;
        for stock in &stocks {
            world.board.load_rows(&world.store, &[*stock]).await.expect("loaded");
        }
        assert!(has(&world, stocks[0]));
        let mut state = world.board.state.write();
        state.capacity.size = state.size() - 1;
        state.drop_least_recent();
        drop(state);
        let kept: Vec<bool> = stocks.iter().map(|stock| has(&world, *stock)).collect();
        assert_eq!(kept, [true, false, true, true]);
    }

    async fn a_start_loads_as_many_stocks_as_fit(database) {
        let (mut world, stocks) = unloaded(&database).await;
        for fitting in [0, 2, 4] {
            let within = |size| Capacity { size, ..CAPACITY };
            let capacity = (0..1 << 20).map(within).find(|it| it.stocks() == fitting);
            let capacity = capacity.expect("a size");
            let loaded = QuoteBoard::load_with(&world.store, capacity).await;
            (world.board, _) = loaded.expect("the tables");
            world.board.fill(&world.store).await.expect("the tables");
            let loaded = stocks.iter().filter(|stock| has(&world, **stock));
            assert_eq!(loaded.count(), fitting, "{capacity:?}");
        }
    }
}
