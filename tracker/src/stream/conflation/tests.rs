//! Tests of conflation with single trades, and of its bounds with random ones.

use entity::Decimal;
use proptest::prelude::*;

use super::*;
use crate::{
    provider::TradeId,
    quote::{PreviousClose, Unrounded},
};

const SECOND: Duration = Duration::from_secs(1);

/// Noon in New York on a Friday.
fn noon() -> Timestamp {
    "2026-11-20T17:00:00Z".parse().expect("an instant")
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

/// A trade `millis` after noon.
fn trade(of: &str, price: &str, millis: i64) -> StreamPrice {
    StreamPrice {
        symbol: symbol(of),
        price: decimal(price),
        exact: None,
        size: None,
        market_time: Some(Timestamp::from_micros(noon().micros() + millis * 1_000)),
        trade: None,
        moves_last: true,
    }
}

fn numbered(price: &str, millis: i64, number: u64, size: &str) -> StreamPrice {
    StreamPrice {
        size: Some(decimal(size)),
        trade: Some(TradeId {
            exchange: 'V',
            number,
        }),
        ..trade("AAPL", price, millis)
    }
}

fn seed(of: &str, day: &str) -> Quote {
    let quote = Quote::new(symbol(of), decimal("100"), day.parse().expect("a date"));
    Quote {
        previous_close: PreviousClose::Sent(decimal("98")),
        open: Some(decimal("99")),
        high: Some(decimal("101")),
        low: Some(decimal("97")),
        volume: Some(1_000),
        ..quote
    }
}

/// A conflation of one second, and the time at which it begins.
fn conflation() -> (Conflation, Instant) {
    (Conflation::new(SECOND), Instant::now())
}

/// A conflation with a seed of AAPL.
fn seeded() -> (Conflation, Instant) {
    let (mut conflation, start) = conflation();
    conflation.seed(&seed("AAPL", "2026-11-20"), noon(), start);
    (conflation, start)
}

fn later(millis: u64) -> Timestamp {
    noon().after(Duration::from_millis(millis))
}

fn prices(quotes: &[Quote]) -> Vec<String> {
    quotes.iter().map(|quote| quote.price.to_string()).collect()
}

fn high_low(quote: &Quote) -> (Option<Decimal>, Option<Decimal>) {
    (quote.high, quote.low)
}

#[test]
fn the_first_price_is_due_at_once_and_then_the_last_of_each_interval() {
    let (mut conflation, start) = seeded();
    let at = |millis| start + Duration::from_millis(millis);
    conflation.trade(&trade("AAPL", "100", 0), later(0), at(0));
    assert_eq!(prices(&conflation.due(at(0))), ["100"]);
    for (price, millis) in [("103", 10), ("95", 20), ("102", 900)] {
        conflation.trade(&trade("AAPL", price, millis), later(950), at(950));
    }
    assert_eq!(conflation.next_due(), Some(at(1_000)));
    assert_eq!(conflation.due(at(999)), []);
    let due = conflation.due(at(1_000));
    assert_eq!(prices(&due), ["102"]);
    assert_eq!(
        high_low(&due[0]),
        (Some(decimal("103")), Some(decimal("95")))
    );
    assert_eq!(conflation.next_due(), None);
    // Quiet for longer than the interval.
    conflation.trade(&trade("AAPL", "101", 3_000), later(3_000), at(3_000));
    assert_eq!(prices(&conflation.due(at(3_000))), ["101"]);
}

#[test]
fn the_last_price_is_the_last_by_market_time() {
    let (mut conflation, start) = seeded();
    for (price, millis) in [("100", 50), ("105", 10), ("102", 50), ("90", 40)] {
        conflation.trade(&trade("AAPL", price, millis), later(100), start);
    }
    let due = conflation.due(start);
    assert_eq!(prices(&due), ["102"]);
    assert_eq!(
        high_low(&due[0]),
        (Some(decimal("105")), Some(decimal("90")))
    );
    // A late trade changes the high only, which is due at the end of the interval.
    let late = trade("AAPL", "110", 20);
    assert_eq!(conflation.trade(&late, later(200), start), Trade::Counted);
    let due = conflation.due(start + SECOND);
    assert_eq!(prices(&due), ["102"]);
    assert_eq!(due[0].high, Some(decimal("110")));
    assert_eq!(due[0].market_time, Some(later(50)));
    // One that changes nothing is not stored again.
    let late = trade("AAPL", "100", 20);
    assert_eq!(conflation.trade(&late, later(200), start), Trade::Counted);
    assert_eq!(conflation.next_due(), None);
}

#[test]
fn a_trade_of_the_future_is_traded_now_and_delays_no_other() {
    let (mut conflation, start) = seeded();
    conflation.trade(&trade("AAPL", "100", 120_000), later(0), start);
    let due = conflation.due(start);
    assert_eq!(due[0].market_time, Some(later(0)));
    let next = trade("AAPL", "101", 10);
    assert_eq!(conflation.trade(&next, later(10), start), Trade::Moved);
}

#[test]
fn a_trade_of_yesterday_is_dropped() {
    let (mut conflation, start) = seeded();
    let yesterday = trade("AAPL", "50", -86_400_000);
    conflation.trade(&trade("AAPL", "100", 0), later(0), start);
    let dropped = Trade::Dropped("of an earlier day");
    assert_eq!(conflation.trade(&yesterday, later(1), start), dropped);
    let due = conflation.due(start);
    assert_eq!(prices(&due), ["100"]);
    assert_eq!(due[0].low, Some(decimal("97")));
}

#[test]
fn a_day_begins_without_the_figures_of_the_day_before() {
    let (mut conflation, start) = conflation();
    let midnight: Timestamp = "2026-11-21T00:00:01Z".parse().expect("an instant");
    conflation.seed(&seed("BTC/USD", "2026-11-20"), noon(), start);
    conflation.trade(&trade("BTC/USD", "200", 0), later(0), start);
    assert_eq!(conflation.due(start).len(), 1);
    assert!(conflation.is_seeded(&symbol("BTC/USD"), noon()));
    assert!(!conflation.is_seeded(&symbol("BTC/USD"), midnight));
    let first = StreamPrice {
        market_time: Some(midnight),
        ..trade("BTC/USD", "150", 0)
    };
    conflation.trade(&first, midnight, start);
    let due = conflation.due(start + SEED_WAIT);
    assert_eq!(due[0].trading_day.to_string(), "2026-11-21");
    assert_eq!(due[0].previous_close, PreviousClose::Absent);
    assert_eq!(
        high_low(&due[0]),
        (Some(decimal("150")), Some(decimal("150")))
    );
    // The seed of the day before is ignored.
    conflation.seed(&seed("BTC/USD", "2026-11-20"), midnight, start);
    assert!(!conflation.is_seeded(&symbol("BTC/USD"), midnight));
}

#[test]
fn prices_wait_for_the_seed_but_not_forever() {
    let (mut conflation, start) = conflation();
    conflation.trade(&trade("AAPL", "100", 0), later(0), start);
    conflation.trade(&trade("MSFT", "200", 0), later(0), start);
    assert_eq!(conflation.due(start + SECOND), []);
    conflation.seed(&seed("AAPL", "2026-11-20"), later(1_000), start + SECOND);
    let due = conflation.due(start + SECOND);
    assert_eq!(prices(&due), ["100"]);
    assert_eq!(due[0].previous_close, PreviousClose::Sent(decimal("98")));
    assert_eq!(due[0].open, Some(decimal("99")));
    let due = conflation.due(start + SEED_WAIT);
    assert_eq!(prices(&due), ["200"]);
    assert_eq!(due[0].previous_close, PreviousClose::None);
    // The next prices do not wait again.
    conflation.trade(&trade("MSFT", "201", 1), later(1), start + SEED_WAIT);
    assert_eq!(conflation.next_due(), Some(start + SEED_WAIT + SECOND));
}

#[test]
fn odd_lots_move_no_price_and_each_trade_counts_once() {
    let (mut conflation, start) = seeded();
    let odd = StreamPrice {
        moves_last: false,
        ..numbered("500", 1, 1, "7")
    };
    assert_eq!(conflation.trade(&odd, later(5), start), Trade::Counted);
    assert_eq!(conflation.next_due(), None);
    let whole = numbered("100", 2, 2, "100");
    assert_eq!(conflation.trade(&whole, later(5), start), Trade::Moved);
    let repeated = Trade::Dropped("repeated");
    assert_eq!(conflation.trade(&whole, later(6), start), repeated);
    let due = conflation.due(start);
    assert_eq!(due[0].volume, Some(1_107));
    assert_eq!(due[0].high, Some(decimal("101")));
}

#[test]
fn a_volume_is_absent_if_a_trade_cannot_be_counted() {
    let (mut conflation, start) = seeded();
    conflation.trade(&numbered("100", 1, 1, "5"), later(5), start);
    conflation.trade(&trade("AAPL", "100", 2), later(5), start);
    assert_eq!(conflation.due(start)[0].volume, None);
    let (mut conflation, start) = super::tests::conflation();
    conflation.seed(&seed("BTC/USD", "2026-11-20"), noon(), start);
    let crypto = StreamPrice {
        symbol: symbol("BTC/USD"),
        ..numbered("100", 1, 1, "5")
    };
    conflation.trade(&crypto, later(5), start);
    assert_eq!(conflation.due(start)[0].volume, None);
}

#[test]
fn a_daily_bar_replaces_the_figures() {
    let (mut conflation, start) = seeded();
    let figures = |day: &str| DayFigures {
        symbol: symbol("AAPL"),
        trading_day: day.parse().expect("a date"),
        open: Some(decimal("96")),
        high: Some(decimal("99")),
        low: Some(decimal("96")),
        volume: Some(5_000),
    };
    conflation.trade(&numbered("98", 1, 1, "5"), later(5), start);
    assert_eq!(conflation.due(start).len(), 1);
    assert!(!conflation.replace_figures(&figures("2026-11-19"), start));
    assert_eq!(conflation.next_due(), None);
    assert!(conflation.replace_figures(&figures("2026-11-20"), start));
    let due = conflation.due(start + SECOND);
    assert_eq!(
        high_low(&due[0]),
        (Some(decimal("99")), Some(decimal("96")))
    );
    assert_eq!(
        (due[0].open, due[0].volume),
        (Some(decimal("96")), Some(5_000))
    );
    // The same bar again changes nothing.
    assert!(conflation.replace_figures(&figures("2026-11-20"), start));
    assert_eq!(conflation.next_due(), None);
    conflation.trade(&numbered("97", 9, 2, "5"), later(9), start);
    assert_eq!(conflation.due(start + SECOND * 2)[0].volume, Some(5_005));
}

#[test]
fn exact_numbers_are_kept() {
    let (mut conflation, start) = conflation();
    let exact = entity::Ratio::parse_decimal("0.123456789").expect("a ratio");
    let close = entity::Ratio::parse_decimal("0.1234567891").expect("a ratio");
    let of_seed = Quote {
        unrounded: Some(Unrounded {
            price: exact,
            previous_close: Some(close),
        }),
        ..seed("AAPL", "2026-11-20")
    };
    conflation.seed(&of_seed, noon(), start);
    let price = StreamPrice {
        exact: Some(exact),
        ..trade("AAPL", "0.12345679", 0)
    };
    conflation.trade(&price, later(0), start);
    assert_eq!(conflation.due(start)[0].unrounded, of_seed.unrounded);
}

proptest! {
    /// Whatever the trades and whenever the quotes are taken: the last quote has the last price by
    /// market time, the high and low of all trades, and the volume of all different trades. No two
    /// quotes of a symbol are less than an interval apart, and their market times never decrease.
    #[test]
    fn conflation_loses_nothing_but_prices_between(
        trades in prop::collection::vec((1_u32..1_000, 0_i64..5_000, 0_u64..60, 1_u32..100), 1..120),
        taken in prop::collection::vec(any::<bool>(), 120),
        slow in 0_u64..3,
    ) {
        let (mut conflation, start) = seeded();
        let mut quotes: Vec<(Instant, Quote)> = Vec::new();
        let mut counted = std::collections::HashMap::new();
        let (mut high, mut low) = (decimal("101"), decimal("97"));
        let mut last: Option<(i64, Decimal)> = None;
        let mut at = start;
        for (index, (price, millis, number, size)) in trades.iter().enumerate() {
            at += Duration::from_millis(7 + 400 * slow);
            let price = decimal(&price.to_string());
            let trade = numbered(&price.to_string(), *millis, *number, &size.to_string());
            let outcome = conflation.trade(&trade, later(5_000), at);
            if counted.contains_key(number) {
                prop_assert_eq!(outcome, Trade::Dropped("repeated"));
            } else {
                counted.insert(*number, i64::from(*size));
                high = high.max(price);
                low = low.min(price);
                if last.is_none_or(|(before, _)| before <= *millis) {
                    last = Some((*millis, price));
                }
            }
            if taken[index] {
                quotes.extend(conflation.due(at).into_iter().map(|quote| (at, quote)));
            }
        }
        let end = at + SECOND;
        let left = conflation.due(end);
        quotes.extend(left.into_iter().map(|quote| (end, quote)));
        let (_, quote) = quotes.last().expect("a quote");
        let (millis, price) = last.expect("a trade");
        prop_assert_eq!(quote.price, price);
        prop_assert_eq!(quote.market_time, Some(Timestamp::from_micros(noon().micros() + millis * 1_000)));
        prop_assert_eq!(high_low(quote), (Some(high), Some(low)));
        for pair in quotes.windows(2) {
            prop_assert!(pair[1].0 - pair[0].0 >= SECOND);
            prop_assert!(pair[1].1.market_time >= pair[0].1.market_time);
            prop_assert!(pair[1].1.volume >= pair[0].1.volume);
        }
        prop_assert!(quote.volume <= Some(1_000 + counted.values().sum::<i64>()));
        prop_assert_eq!(conflation.next_due(), None);
    }

}

/// Five thousand trades a second for ten seconds.
#[test]
fn nothing_grows_with_the_number_of_trades() {
    let (mut conflation, start) = seeded();
    for number in 0..50_000 {
        conflation.trade(&numbered("100", 1, number, "1"), later(5), start);
    }
    assert_eq!(conflation.symbols.len(), 1);
    let mut days = conflation.symbols.values().filter_map(|it| it.day.as_ref());
    assert!(days.all(|day| day.remembered() <= 4_096));
    let due = conflation.due(start);
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].volume, Some(51_000));
}
