//! The hub's promises, without a database.

use entity::{Event, Stock, Timestamp};
use futures_util::FutureExt;

use super::{super::*, *};

fn position(seq: i64) -> Position {
    Position {
        epoch: 1,
        seq,
        recorded_at: Timestamp::from_micros(seq),
    }
}

fn stock(id: i64) -> Stock {
    Stock {
        id,
        symbol: "IBM".parse().expect("a symbol"),
        name: None,
        currency: None,
        exchange: None,
        tracked: true,
        tracked_at: Timestamp::from_micros(0),
        answered_at: None,
        alert_count: 0,
        unpriced_answers: 0,
    }
}

fn publish(hub: &Hub, seq: i64, stock_id: i64) {
    let price = entity::Price {
        stock_id,
        symbol: "IBM".parse().expect("a symbol"),
        seq,
        price: entity::Decimal::from_int(1),
        previous_close: None,
        open: None,
        high: None,
        low: None,
        volume: None,
        trading_day: chrono::NaiveDate::MIN,
        market_time: Timestamp::from_micros(0),
        market_time_sent: false,
        recorded_at: Timestamp::from_micros(seq),
        provider: "test".to_owned(),
    };
    let events = vec![Event::QuoteRecorded {
        price,
        stock: stock(stock_id),
    }];
    hub.publish(
        Batch {
            end: position(seq),
            events,
        },
        Duration::ZERO,
    );
}

fn interest(stocks: Option<Vec<i64>>, pace: Pace) -> Interest {
    Interest {
        life: 0,
        stocks,
        prices: true,
        alerts: true,
        pace,
        dismissal: Dismissal::default(),
        largest: Largest::default(),
    }
}

/// The next event, if it is there.
fn next_waiting(reader: &mut Reader) -> Result<Option<(Arc<Happened>, u64)>, Parted> {
    reader.next().now_or_never().transpose()
}

/// Everything that waits: the places, and what each skipped.
fn waiting(reader: &mut Reader) -> Vec<(i64, u64)> {
    let next = || next_waiting(reader).expect("it keeps up");
    std::iter::from_fn(next)
        .map(|(happened, missed)| (happened.position.seq, missed))
        .collect()
}

const ALL: Pace = Pace::Everything {
    behind: 3,
    bytes: 1000,
};

#[test]
fn a_reader_gets_everything_after_its_place_once() {
    let hub = Hub::at(position(10), Bounds::default());
    assert!(hub.join(interest(None, ALL), position(9)).is_none());
    for seq in 11..=15 {
        publish(&hub, seq, 1);
    }
    let mut reader = hub
        .join(interest(None, ALL), position(11))
        .expect("the hub has it");
    // Four are behind it already, more than it may fall behind from now on.
    publish(&hub, 16, 2);
    assert_eq!(
        waiting(&mut reader),
        [(12, 0), (13, 0), (14, 0), (15, 0), (16, 0)]
    );
    assert_eq!((hub.position(), hub.readers()), (position(16), 1));
    drop(reader);
    assert_eq!(hub.readers(), 0);
}

#[test]
fn a_reader_that_knows_more_than_the_hub_is_told_nothing_twice() {
    let hub = Hub::at(position(10), Bounds::default());
    let mut reader = hub
        .join(interest(None, ALL), position(12))
        .expect("the hub has it");
    for seq in 11..=13 {
        publish(&hub, seq, 1);
    }
    assert_eq!(waiting(&mut reader), [(13, 0)]);
}

#[test]
fn what_is_forgotten_is_never_passed_over() {
    let hub = Hub::at(position(0), Bounds::default());
    let bounds = Bounds::default();
    let kept = i64::try_from(bounds.kept).expect("a number");
    for seq in 1..=kept + 1 {
        publish(&hub, seq, 1);
    }
    assert!(hub.join(interest(None, ALL), position(0)).is_none());
    let mut reader = hub
        .join(interest(None, ALL), position(1))
        .expect("the hub has it");
    assert_eq!(waiting(&mut reader).len(), bounds.kept);
}

#[test]
fn only_the_stocks_of_a_reader_reach_it() {
    let hub = Hub::at(position(0), Bounds::default());
    let mut reader = hub
        .join(interest(Some(vec![2, 3]), ALL), position(0))
        .expect("a reader");
    for (seq, stock) in [(1, 1), (2, 2), (3, 3), (4, 1)] {
        publish(&hub, seq, stock);
    }
    assert_eq!(waiting(&mut reader), [(2, 0), (3, 0)]);
}

#[test]
fn a_slow_reader_of_everything_is_told_that_it_lags_and_costs_no_more() {
    let hub = Hub::at(position(0), Bounds::default());
    let wanted = interest(None, ALL);
    let dismissal = wanted.dismissal.clone();
    let mut slow = hub.join(wanted, position(0)).expect("a reader");
    let mut other = hub
        .join(interest(None, Pace::Latest), position(0))
        .expect("a reader");
    for seq in 1..=3 {
        publish(&hub, seq, 1);
    }
    assert_eq!(dismissal.reason(), None);
    publish(&hub, 4, 1);
    assert_eq!(dismissal.reason(), Some(Dismissed::Lagging));
    let (last, missed) = next_waiting(&mut other)
        .expect("it keeps up")
        .expect("the last");
    assert_eq!((last.position.seq, missed), (4, 3));
    // The hub keeps it and whoever took it, but not the one who lags.
    assert_eq!(Arc::strong_count(&last), 2);
    let dismissed = Err(Parted::Dismissed(Dismissed::Lagging));
    assert_eq!(next_waiting(&mut slow).map(|_| ()), dismissed);
}

#[test]
fn a_slow_reader_of_large_events_is_let_go_before() {
    let hub = Hub::at(position(0), Bounds::default());
    for (told, behind) in [(333, 3), (334, 2), (1001, 1)] {
        let wanted = interest(None, ALL);
        wanted.largest.told(told);
        wanted.largest.told(1);
        let dismissal = wanted.dismissal.clone();
        let _slow = hub.join(wanted, hub.position()).expect("a reader");
        let mut kept = 0;
        while dismissal.reason().is_none() {
            publish(&hub, hub.position().seq + 1, 1);
            kept += 1;
        }
        assert_eq!(kept - 1, behind, "events of {told} bytes");
    }
}

#[test]
fn a_slow_reader_of_the_latest_knows_exactly_how_many_it_missed() {
    let hub = Hub::at(position(0), Bounds::default());
    let mut reader = hub
        .join(interest(None, Pace::Latest), position(0))
        .expect("a reader");
    for (seq, stock) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
        publish(&hub, seq, stock);
    }
    // What was skipped is told with the next event, whose ever it is: the reader may be cut off after it.
    assert_eq!(waiting(&mut reader), [(2, 1), (4, 1)]);
    publish(&hub, 5, 1);
    publish(&hub, 6, 2);
    publish(&hub, 7, 2);
    assert_eq!(waiting(&mut reader), [(5, 0), (7, 1)]);
}

#[tokio::test]
async fn after_a_gap_readers_are_told_up_to_where_they_have_everything() {
    let hub = Hub::at(position(0), Bounds::default());
    let mut behind = hub
        .join(interest(None, Pace::Latest), position(0))
        .expect("a reader");
    let mut waiting_for_more = hub
        .join(interest(Some(vec![2]), ALL), position(0))
        .expect("a reader");
    publish(&hub, 1, 1);
    publish(&hub, 2, 1);
    let (next, ()) = tokio::join!(waiting_for_more.next(), async {
        hub.restart(position(90));
    });
    assert_eq!(next.map(|_| ()), Err(Parted::Cut(position(2))));
    publish(&hub, 91, 1);
    let told = next_waiting(&mut behind).expect("what was put in is told");
    assert_eq!(
        told.map(|(happened, missed)| (happened.position.seq, missed)),
        Some((2, 1))
    );
    assert_eq!(
        next_waiting(&mut behind).map(|_| ()),
        Err(Parted::Cut(position(2)))
    );
    assert!(hub.join(interest(None, ALL), position(2)).is_none());
    let mut new = hub
        .join(interest(None, ALL), position(90))
        .expect("the hub has it");
    assert_eq!(waiting(&mut new), [(91, 0)]);
    drop((behind, waiting_for_more));
    assert_eq!(hub.readers(), 1);
}

#[tokio::test]
async fn a_waiting_reader_is_woken() {
    let hub = Hub::at(position(0), Bounds::default());
    let mut reader = hub
        .join(interest(Some(vec![1]), ALL), position(0))
        .expect("a reader");
    let (next, ()) = tokio::join!(reader.next(), async { publish(&hub, 1, 1) });
    assert_eq!(next.map(|(happened, _)| happened.position.seq), Ok(1));
}

#[tokio::test]
async fn nobody_follows_another_feed_unawares() {
    let hub = Hub::at(position(10), Bounds::default());
    let latest = interest(None, Pace::Latest);
    let dismissal = latest.dismissal.clone();
    let mut reader = hub.join(latest, position(10)).expect("the hub has it");
    publish(&hub, 11, 1);
    assert_eq!(hub.has(position(11)), Some(true));
    let other = Position {
        recorded_at: Timestamp::from_micros(99),
        ..position(11)
    };
    assert_eq!((hub.has(other), hub.has(position(9))), (Some(false), None));
    hub.replace(position(4));
    // What waited is of what there is no longer.
    let replaced = Parted::Dismissed(Dismissed::Replaced);
    assert_eq!(reader.next().await.err(), Some(replaced));
    assert_eq!(dismissal.dismissed().await, Dismissed::Replaced);
    // Whoever was let in before and comes now is let go too, wherever it was.
    let late = interest(None, ALL);
    let dismissal = late.dismissal.clone();
    assert!(hub.join(late, position(4)).is_none());
    assert_eq!(dismissal.reason(), Some(Dismissed::Replaced));
    let new = Interest {
        life: hub.life(),
        ..interest(None, ALL)
    };
    let mut reader = hub.join(new, position(4)).expect("the hub has it");
    publish(&hub, 5, 1);
    assert_eq!(waiting(&mut reader), [(5, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_cannot_see_the_feed_says_since_when() {
    let hub = Hub::at(position(0), Bounds::default());
    publish(&hub, 1, 1);
    assert_eq!((hub.blindness(), hub.lag()), (None, Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(7)).await;
    let seven = Duration::from_secs(7);
    assert_eq!((hub.blindness(), hub.lag()), (Some(seven), seven));
    hub.look();
    assert_eq!((hub.blindness(), hub.lag()), (None, Duration::ZERO));
}
