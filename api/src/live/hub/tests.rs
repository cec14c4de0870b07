//! Tests of the hub, without a database.

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

fn interest(stocks: Option<Vec<i64>>, backpressure: Backpressure) -> Interest {
    Interest {
        generation: 0,
        stocks,
        prices: true,
        alerts: true,
        rules: false,
        backpressure,
        disconnect: DisconnectSignal::default(),
        max_event_size: MaxEventSize::default(),
    }
}

/// The next event, if one is queued.
fn next_waiting(reader: &mut HubReader) -> Result<Option<(Arc<FeedEvent>, u64)>, ReaderClosed> {
    reader.next().now_or_never().transpose()
}

/// The positions of all queued events, each with the number of events skipped before it.
fn waiting(reader: &mut HubReader) -> Vec<(i64, u64)> {
    let next = || next_waiting(reader).expect("connected");
    std::iter::from_fn(next)
        .map(|(event, missed)| (event.position.seq, missed))
        .collect()
}

const ALL: Backpressure = Backpressure::Disconnect {
    max_events: 3,
    max_bytes: 1000,
};

#[test]
fn a_reader_gets_every_event_after_its_position_once() {
    let hub = Hub::new(position(10), BacklogLimits::default());
    assert!(hub.join(interest(None, ALL), position(9)).is_none());
    for seq in 11..=15 {
        publish(&hub, seq, 1);
    }
    let mut reader = hub
        .join(interest(None, ALL), position(11))
        .expect("the hub keeps the events");
    // Its backlog of four exceeds the limit, which applies to new events only.
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
fn a_reader_ahead_of_the_hub_gets_nothing_twice() {
    let hub = Hub::new(position(10), BacklogLimits::default());
    let mut reader = hub
        .join(interest(None, ALL), position(12))
        .expect("the hub keeps the events");
    for seq in 11..=13 {
        publish(&hub, seq, 1);
    }
    assert_eq!(waiting(&mut reader), [(13, 0)]);
}

#[test]
fn a_reader_cannot_join_where_events_were_dropped() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let limits = BacklogLimits::default();
    let kept = i64::try_from(limits.retained).expect("a number");
    for seq in 1..=kept + 1 {
        publish(&hub, seq, 1);
    }
    assert!(hub.join(interest(None, ALL), position(0)).is_none());
    let mut reader = hub
        .join(interest(None, ALL), position(1))
        .expect("the hub keeps the events");
    assert_eq!(waiting(&mut reader).len(), limits.retained);
}

#[test]
fn a_reader_gets_only_its_stocks() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let mut reader = hub
        .join(interest(Some(vec![2, 3]), ALL), position(0))
        .expect("a reader");
    for (seq, stock) in [(1, 1), (2, 2), (3, 3), (4, 1)] {
        publish(&hub, seq, stock);
    }
    assert_eq!(waiting(&mut reader), [(2, 0), (3, 0)]);
}

#[test]
fn a_slow_consumer_of_all_events_is_disconnected_and_its_queue_is_freed() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let wanted = interest(None, ALL);
    let disconnect = wanted.disconnect.clone();
    let mut slow = hub.join(wanted, position(0)).expect("a reader");
    let mut other = hub
        .join(interest(None, Backpressure::Conflate), position(0))
        .expect("a reader");
    for seq in 1..=3 {
        publish(&hub, seq, 1);
    }
    assert_eq!(disconnect.reason(), None);
    publish(&hub, 4, 1);
    assert_eq!(disconnect.reason(), Some(DisconnectReason::SlowConsumer));
    let (last, missed) = next_waiting(&mut other)
        .expect("connected")
        .expect("the last");
    assert_eq!((last.position.seq, missed), (4, 3));
    // Held by the hub and the other reader, not by the slow consumer.
    assert_eq!(Arc::strong_count(&last), 2);
    let slow_consumer = Err(ReaderClosed::Disconnected(DisconnectReason::SlowConsumer));
    assert_eq!(next_waiting(&mut slow).map(|_| ()), slow_consumer);
}

#[test]
fn a_slow_consumer_of_large_events_is_disconnected_earlier() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    for (bytes, max_events) in [(333, 3), (334, 2), (1001, 1)] {
        let wanted = interest(None, ALL);
        wanted.max_event_size.record(bytes);
        wanted.max_event_size.record(1);
        let disconnect = wanted.disconnect.clone();
        let _slow = hub.join(wanted, hub.position()).expect("a reader");
        let mut kept = 0;
        while disconnect.reason().is_none() {
            publish(&hub, hub.position().seq + 1, 1);
            kept += 1;
        }
        assert_eq!(kept - 1, max_events, "events of {bytes} bytes");
    }
}

#[test]
fn a_conflated_reader_gets_the_exact_number_of_skipped_events() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let mut reader = hub
        .join(interest(None, Backpressure::Conflate), position(0))
        .expect("a reader");
    for (seq, stock) in [(1, 1), (2, 2), (3, 1), (4, 1)] {
        publish(&hub, seq, stock);
    }
    // The next event carries the count, whatever its stock: the reader may be disconnected after
    // it.
    assert_eq!(waiting(&mut reader), [(2, 1), (4, 1)]);
    publish(&hub, 5, 1);
    publish(&hub, 6, 2);
    publish(&hub, 7, 2);
    assert_eq!(waiting(&mut reader), [(5, 0), (7, 1)]);
}

#[tokio::test]
async fn after_a_gap_readers_get_the_position_up_to_which_they_are_complete() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let mut behind = hub
        .join(interest(None, Backpressure::Conflate), position(0))
        .expect("a reader");
    let mut waiting_for_more = hub
        .join(interest(Some(vec![2]), ALL), position(0))
        .expect("a reader");
    publish(&hub, 1, 1);
    publish(&hub, 2, 1);
    let (next, ()) = tokio::join!(waiting_for_more.next(), async {
        hub.restart(position(90));
    });
    assert_eq!(next.map(|_| ()), Err(ReaderClosed::Gap(position(2))));
    publish(&hub, 91, 1);
    let last = next_waiting(&mut behind).expect("queued events come first");
    assert_eq!(
        last.map(|(event, missed)| (event.position.seq, missed)),
        Some((2, 1))
    );
    assert_eq!(
        next_waiting(&mut behind).map(|_| ()),
        Err(ReaderClosed::Gap(position(2)))
    );
    assert!(hub.join(interest(None, ALL), position(2)).is_none());
    let mut new = hub
        .join(interest(None, ALL), position(90))
        .expect("the hub keeps the events");
    assert_eq!(waiting(&mut new), [(91, 0)]);
    drop((behind, waiting_for_more));
    assert_eq!(hub.readers(), 1);
}

#[tokio::test]
async fn an_event_wakes_a_waiting_reader() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    let mut reader = hub
        .join(interest(Some(vec![1]), ALL), position(0))
        .expect("a reader");
    let (next, ()) = tokio::join!(reader.next(), async { publish(&hub, 1, 1) });
    assert_eq!(next.map(|(event, _)| event.position.seq), Ok(1));
}

#[tokio::test]
async fn readers_are_disconnected_when_the_feed_is_replaced() {
    let hub = Hub::new(position(10), BacklogLimits::default());
    let latest = interest(None, Backpressure::Conflate);
    let disconnect = latest.disconnect.clone();
    let mut reader = hub
        .join(latest, position(10))
        .expect("the hub keeps the events");
    publish(&hub, 11, 1);
    assert_eq!(hub.has(position(11)), Some(true));
    let other = Position {
        recorded_at: Timestamp::from_micros(99),
        ..position(11)
    };
    assert_eq!((hub.has(other), hub.has(position(9))), (Some(false), None));
    hub.replace(position(4));
    // The queued event belongs to the replaced feed.
    let replaced = ReaderClosed::Disconnected(DisconnectReason::FeedReplaced);
    assert_eq!(reader.next().await.err(), Some(replaced));
    assert_eq!(
        disconnect.disconnected().await,
        DisconnectReason::FeedReplaced
    );
    // A reader that was planned before the replacement cannot join afterwards, at any position.
    let late = interest(None, ALL);
    let disconnect = late.disconnect.clone();
    assert!(hub.join(late, position(4)).is_none());
    assert_eq!(disconnect.reason(), Some(DisconnectReason::FeedReplaced));
    let new = Interest {
        generation: hub.generation(),
        ..interest(None, ALL)
    };
    let mut reader = hub
        .join(new, position(4))
        .expect("the hub keeps the events");
    publish(&hub, 5, 1);
    assert_eq!(waiting(&mut reader), [(5, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_reports_how_long_the_feed_has_stalled() {
    let hub = Hub::new(position(0), BacklogLimits::default());
    publish(&hub, 1, 1);
    assert_eq!((hub.feed_stall(), hub.lag()), (None, Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(7)).await;
    let seven = Duration::from_secs(7);
    assert_eq!((hub.feed_stall(), hub.lag()), (Some(seven), seven));
    hub.mark_read();
    assert_eq!((hub.feed_stall(), hub.lag()), (None, Duration::ZERO));
}
