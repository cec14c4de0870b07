//! Tells new quotes from repeated and late ones.

use entity::Price;

/// What a quote is, beside the newest stored one of its symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It says something new.
    New,
    /// It says what is known.
    Repeated,
    /// It says what was true before what is known.
    Older,
}

/// Compares a price with the newest stored one, field by field as sent; our own clock plays no part. A `replayed` price
/// is never older than one of the same replay, which restarts at its first dates when the years run out; its position
/// says that it is the next.
pub(super) fn judge(price: &Price, newest: Option<&Price>, replayed: bool) -> Verdict {
    let Some(newest) = newest else {
        return Verdict::New;
    };
    if same(price, newest) {
        return Verdict::Repeated;
    }
    if replayed && price.provider == newest.provider {
        return Verdict::New;
    }
    let same_day = price.trading_day == newest.trading_day;
    let both_timed = price.market_time_sent && newest.market_time_sent;
    let earlier = same_day && both_timed && price.market_time < newest.market_time;
    if price.trading_day < newest.trading_day || earlier {
        Verdict::Older
    } else {
        Verdict::New
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
    fn our_own_clock_makes_no_quote_new() {
        let later = Price {
            seq: 2,
            recorded_at: Timestamp::from_micros(9_000),
            ..price()
        };
        let later = Price {
            market_time: later.recorded_at,
            ..later
        };
        assert_eq!(judge(&later, Some(&price()), false), Verdict::Repeated);
        assert_eq!(judge(&later, None, false), Verdict::New);
    }

    #[test]
    fn any_field_as_sent_makes_a_quote_new() {
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
            assert_eq!(judge(&changed, Some(&price()), false), Verdict::New);
        }
    }

    #[test]
    fn a_replay_is_not_older_than_itself() {
        let day_before = price().trading_day.pred_opt().expect("a date");
        let yesterday = Price {
            trading_day: day_before,
            ..price()
        };
        let judge = |price: &Price, newest: &Price| judge(price, Some(newest), true);
        assert_eq!(judge(&yesterday, &price()), Verdict::New);
        assert_eq!(judge(&price(), &price()), Verdict::Repeated);
        let live = Price {
            provider: "live".to_owned(),
            ..price()
        };
        assert_eq!(judge(&yesterday, &live), Verdict::Older);
    }

    #[test]
    fn a_quote_from_before_is_older() {
        let day_before = price().trading_day.pred_opt().expect("a date");
        let yesterday = Price {
            trading_day: day_before,
            ..price()
        };
        assert_eq!(judge(&yesterday, Some(&price()), false), Verdict::Older);
        let timed = Price {
            market_time_sent: true,
            ..price()
        };
        let earlier = Price {
            market_time: Timestamp::from_micros(999),
            ..timed.clone()
        };
        assert_eq!(judge(&earlier, Some(&timed), false), Verdict::Older);
        let untimed = Price {
            market_time_sent: false,
            ..earlier
        };
        assert_eq!(judge(&untimed, Some(&timed), false), Verdict::New);
    }
}
