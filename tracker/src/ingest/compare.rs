//! Detects repeated and late quotes (deduplication).

use entity::Price;

/// How a quote differs from the latest stored price of its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QuoteChange {
    /// It has new values.
    New,
    /// It has the same values.
    Repeated,
    /// It is of an earlier time.
    Older,
}

/// Compares a price with the latest stored one, by the values that the provider sent; the local
/// clock is ignored. A `replayed` price is never older than one of the same replay, because a
/// replay restarts at its first day when its data ends.
pub(super) fn classify(price: &Price, latest: Option<&Price>, replayed: bool) -> QuoteChange {
    let Some(latest) = latest else {
        return QuoteChange::New;
    };
    if same(price, latest) {
        return QuoteChange::Repeated;
    }
    if replayed && price.provider == latest.provider {
        return QuoteChange::New;
    }
    let same_day = price.trading_day == latest.trading_day;
    let both_timed = price.market_time_sent && latest.market_time_sent;
    let earlier = same_day && both_timed && price.market_time < latest.market_time;
    if price.trading_day < latest.trading_day || earlier {
        QuoteChange::Older
    } else {
        QuoteChange::New
    }
}

fn same(a: &Price, b: &Price) -> bool {
    let sent = |price: &Price| price.market_time_sent.then_some(price.market_time);
    let numbers = |price: &Price| (price.price, price.open, price.high, price.low, price.volume);
    a.trading_day == b.trading_day
        && sent(a) == sent(b)
        && numbers(a) == numbers(b)
        && a.previous_close == b.previous_close
        && a.provider == b.provider
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use entity::{Decimal, Timestamp};

    use super::*;

    fn price() -> Price {
        Price {
            stock_id: 1,
            symbol: "AAPL".parse().expect("a symbol"),
            seq: 1,
            price: Decimal::from_int(100),
            previous_close: None,
            open: None,
            high: None,
            low: None,
            volume: Some(5),
            trading_day: NaiveDate::from_ymd_opt(2026, 11, 20).expect("a date"),
            market_time: Timestamp::from_micros(1_000),
            market_time_sent: false,
            recorded_at: Timestamp::from_micros(1_000),
            provider: "alphavantage".to_owned(),
        }
    }

    #[test]
    fn a_later_local_time_does_not_make_a_quote_new() {
        let later = Price {
            seq: 2,
            recorded_at: Timestamp::from_micros(9_000),
            ..price()
        };
        let later = Price {
            market_time: later.recorded_at,
            ..later
        };
        assert_eq!(
            classify(&later, Some(&price()), false),
            QuoteChange::Repeated
        );
        assert_eq!(classify(&later, None, false), QuoteChange::New);
    }

    #[test]
    fn a_change_of_any_sent_field_makes_a_quote_new() {
        for changed in [
            Price {
                price: Decimal::from_int(101),
                ..price()
            },
            Price {
                volume: None,
                ..price()
            },
            Price {
                high: Some(Decimal::from_int(102)),
                ..price()
            },
            Price {
                previous_close: Some(Decimal::from_int(99)),
                ..price()
            },
            Price {
                market_time_sent: true,
                ..price()
            },
            Price {
                provider: "another".to_owned(),
                ..price()
            },
        ] {
            assert_eq!(classify(&changed, Some(&price()), false), QuoteChange::New);
        }
    }

    #[test]
    fn a_replayed_price_is_never_older_than_one_of_the_same_replay() {
        let day_before = price().trading_day.pred_opt().expect("a date");
        let yesterday = Price {
            trading_day: day_before,
            ..price()
        };
        let classify = |price: &Price, latest: &Price| classify(price, Some(latest), true);
        assert_eq!(classify(&yesterday, &price()), QuoteChange::New);
        assert_eq!(classify(&price(), &price()), QuoteChange::Repeated);
        let live = Price {
            provider: "live".to_owned(),
            ..price()
        };
        assert_eq!(classify(&yesterday, &live), QuoteChange::Older);
    }

    #[test]
    fn a_quote_of_an_earlier_day_or_time_is_older() {
        let day_before = price().trading_day.pred_opt().expect("a date");
        let yesterday = Price {
            trading_day: day_before,
            ..price()
        };
        assert_eq!(
            classify(&yesterday, Some(&price()), false),
            QuoteChange::Older
        );
        let timed = Price {
            market_time_sent: true,
            ..price()
        };
        let earlier = Price {
            market_time: Timestamp::from_micros(999),
            ..timed.clone()
        };
        assert_eq!(classify(&earlier, Some(&timed), false), QuoteChange::Older);
        let untimed = Price {
            market_time_sent: false,
            ..earlier
        };
        assert_eq!(classify(&untimed, Some(&timed), false), QuoteChange::New);
    }
}
