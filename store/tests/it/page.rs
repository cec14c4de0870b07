//! Pages are compared with a simple model.

use std::collections::HashMap;

use entity::Position;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use store::{
    page::{Page, Span},
    price::{PriceKey, Recorded, first_pages, page},
};
use testkit::on_both_databases;

use crate::fixture::{instant, record, store};

/// The expected page of a span: positions in a list, newest first.
fn expected(list: &[i64], span: &Span<i64>) -> (Vec<i64>, bool, bool) {
    let within = |seq: &&i64| {
        span.after.is_none_or(|after| **seq < after) && span.before.is_none_or(|it| **seq > it)
    };
    let inside: Vec<i64> = list.iter().filter(within).copied().collect();
    let limit = span.limit as usize;
    let skipped = if span.from_end {
        inside.len().saturating_sub(limit)
    } else {
        0
    };
    let rows: Vec<i64> = inside.iter().skip(skipped).take(limit).copied().collect();
    // The range of the page in the whole list. An empty page is at the bound that it was read from.
    let first = match (rows.first(), span.from_end) {
        (Some(first), _) => list.iter().position(|seq| seq == first),
        (None, false) => span
            .after
            .map(|after| list.iter().filter(|seq| **seq >= after).count()),
        (None, true) => span
            .before
            .map(|it| list.iter().filter(|seq| **seq > it).count()),
    };
    let first = first.unwrap_or(if span.from_end { list.len() } else { 0 });
    (rows.clone(), first + rows.len() < list.len(), first > 0)
}

fn key(seq: i64) -> PriceKey {
    Position {
        epoch: 7,
        seq,
        recorded_at: instant(seq),
    }
    .into()
}

fn places(page: &Page<entity::Price>) -> (Vec<i64>, bool, bool) {
    (
        page.rows.iter().map(|row| row.seq).collect(),
        page.has_next,
        page.has_previous,
    )
}

on_both_databases! {
    async fn every_page_of_prices_matches_the_model(database) {
        let (store, clock) = store(&database, &["AAPL", "IBM"]).await;
        let mut list = Vec::new();
        for seq in 1..=24_i64 {
            let stock = if seq % 4 == 0 { 2 } else { 1 };
            record(&store, &clock, stock, seq).await;
            if stock == 1 {
                list.insert(0, seq);
            }
        }
        let spans = (
            proptest::option::of(0..26_i64),
            proptest::option::of(0..26_i64),
            0..8_u32,
            any::<bool>(),
        );
        let mut runner = TestRunner::deterministic();
        for _ in 0..300 {
            let (after, before, limit, from_end) = spans.new_tree(&mut runner).expect("a span").current();
            // Crossed bounds select nothing, at no particular place in the list.
            if let (Some(after), Some(before)) = (after, before)
                && before >= after
            {
                continue;
            }
            let plain = Span { after, before, limit, from_end };
            let span = Span { after: after.map(key), before: before.map(key), limit, from_end };
            let read = page(store.database.read(), store.clock.now(), 1, Recorded::default(), &span).await;
            let read = read.expect("the page is read");
            assert_eq!(places(&read), expected(&list, &plain), "{plain:?}");
        }
    }

    async fn first_pages_of_many_stocks_equal_single_pages(database) {
        let (store, clock) = store(&database, &["AAPL", "GOOG", "IBM"]).await;
        for seq in 1..=20_i64 {
            record(&store, &clock, 1 + seq % 2, seq).await;
        }
        let recorded = Recorded { from: Some(instant(3)), to: Some(instant(18)) };
        for recorded in [Recorded::default(), recorded] {
            for (limit, from_end) in [(0, false), (4, false), (4, true), (100, true)] {
                let together: HashMap<i64, Page<entity::Price>> =
                    first_pages(store.database.read(), store.clock.now(), &[1, 2, 3], recorded, limit, from_end)
                        .await
                        .expect("the pages are read");
                assert_eq!(together.len(), 3);
                for (stock, first) in &together {
                    let span = Span { after: None, before: None, limit, from_end };
                    let alone = page(store.database.read(), store.clock.now(), *stock, recorded, &span).await;
                    assert_eq!(places(first), places(&alone.expect("the page is read")));
                }
            }
        }
    }
}
