//! New York's trading days, by rule.
//!
//! One invariant: right for every date from 2000 on as far as holidays follow rules (NYSE Rule 7.2 and the exchange's
//! published calendars), and for the one-off closures known when this was written; a later one counts as a trading day
//! until it is added, which costs a few needless polls and nothing else.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use crate::easter::easter;

/// Full-day closures that follow no rule: September 2001, the funerals of Presidents Reagan, Ford, Bush and Carter,
/// and hurricane Sandy.
const ONE_OFF_CLOSURES: [(i32, u32, u32); 10] = [
    (2001, 9, 11),
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),
    (2007, 1, 2),
    (2012, 10, 29),
    (2012, 10, 30),
    (2018, 12, 5),
    (2025, 1, 9),
];

/// Half days that follow no rule: the Fridays after Independence Day 2002 and Christmas 2003.
const ONE_OFF_HALF_DAYS: [(i32, u32, u32); 2] = [(2002, 7, 5), (2003, 12, 26)];

/// Whether New York's exchanges trade on a date.
pub fn is_trading_day(date: NaiveDate) -> bool {
    !is_weekend(date) && !is_holiday(date) && !ONE_OFF_CLOSURES.contains(&parts(date))
}

/// Whether a date is a trading day that ends at 13:00.
pub fn is_half_day(date: NaiveDate) -> bool {
    let (year, month, day) = parts(date);
    let regular = match month {
        // The eve of Independence Day; on a Wednesday only since 2013.
        7 => day == 3 && (date.weekday() != Weekday::Wed || year >= 2013),
        11 => date.pred_opt().is_some_and(is_thanksgiving),
        12 => day == 24,
        _ => false,
    };
    (regular || ONE_OFF_HALF_DAYS.contains(&(year, month, day))) && is_trading_day(date)
}

fn is_holiday(date: NaiveDate) -> bool {
    let (year, month, _) = parts(date);
    let nth = |weekday, week: u32| nth_weekday(date, weekday, week);
    match month {
        // A New Year's Day on a Saturday is not made up for: 31 December closes the books.
        1 => is_observed(date, 1, 1) || nth(Weekday::Mon, 3),
        2 => nth(Weekday::Mon, 3),
        3 | 4 => easter(year).is_some_and(|sunday| sunday - Days::new(2) == date),
        5 => date.weekday() == Weekday::Mon && date.day() > 24,
        6 => year >= 2022 && is_observed(date, 6, 19),
        7 => is_observed(date, 7, 4),
        9 => nth(Weekday::Mon, 1),
        11 => is_thanksgiving(date),
        12 => is_observed(date, 12, 25),
        _ => false,
    }
}

/// Whether a weekday is, or makes up for, a fixed holiday of its year: Friday for a Saturday, Monday for a Sunday.
fn is_observed(date: NaiveDate, month: u32, day: u32) -> bool {
    let Some(holiday) = NaiveDate::from_ymd_opt(date.year(), month, day) else {
        return false;
    };
    date == match holiday.weekday() {
        Weekday::Sat => holiday.pred_opt().unwrap_or(holiday),
        Weekday::Sun => holiday.succ_opt().unwrap_or(holiday),
        _ => holiday,
    }
}

fn is_thanksgiving(date: NaiveDate) -> bool {
    date.month() == 11 && nth_weekday(date, Weekday::Thu, 4)
}

/// Whether a date is its month's n-th such weekday.
fn nth_weekday(date: NaiveDate, weekday: Weekday, n: u32) -> bool {
    date.weekday() == weekday && date.day0() / 7 + 1 == n
}

fn is_weekend(date: NaiveDate) -> bool {
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn parts(date: NaiveDate) -> (i32, u32, u32) {
    (date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, to: &str) -> impl Iterator<Item = NaiveDate> {
        let [from, to]: [NaiveDate; 2] = [from, to].map(|text| text.parse().expect("a date"));
        from.iter_days().take_while(move |date| *date <= to)
    }

    fn weekdays_off(from: &str, to: &str) -> Vec<String> {
        days(from, to)
            .filter(|date| !is_weekend(*date) && !is_trading_day(*date))
            .map(|date| date.to_string())
            .collect()
    }

    fn half_days(from: &str, to: &str) -> Vec<String> {
        days(from, to)
            .filter(|date| is_half_day(*date))
            .map(|date| date.to_string())
            .collect()
    }

    #[test]
    fn the_exchange_is_closed_on_the_days_it_published() {
        // https://www.nyse.com/markets/hours-calendars, 2025 with President Carter's funeral.
        assert_eq!(
            weekdays_off("2025-01-01", "2026-12-31"),
            [
                "2025-01-01",
                "2025-01-09",
                "2025-01-20",
                "2025-02-17",
                "2025-04-18",
                "2025-05-26",
                "2025-06-19",
                "2025-07-04",
                "2025-09-01",
                "2025-11-27",
                "2025-12-25",
                "2026-01-01",
                "2026-01-19",
                "2026-02-16",
                "2026-04-03",
                "2026-05-25",
                "2026-06-19",
                "2026-07-03",
                "2026-09-07",
                "2026-11-26",
                "2026-12-25",
            ]
        );
        assert_eq!(
            weekdays_off("2001-09-01", "2001-12-31"),
            [
                "2001-09-03",
                "2001-09-11",
                "2001-09-12",
                "2001-09-13",
                "2001-09-14",
                "2001-11-22",
                "2001-12-25"
            ]
        );
    }

    #[test]
    fn a_holiday_on_a_weekend_moves_except_new_years_saturday() {
        // 2022-01-01 was a Saturday: nothing. 2021: Christmas on a Saturday, the Fourth on a Sunday.
        assert_eq!(
            weekdays_off("2021-06-01", "2022-01-14"),
            ["2021-07-05", "2021-09-06", "2021-11-25", "2021-12-24"]
        );
        // 2023-01-01 was a Sunday; Juneteenth 2022 too, and the first that was kept.
        assert_eq!(
            weekdays_off("2022-06-01", "2023-01-10"),
            [
                "2022-06-20",
                "2022-07-04",
                "2022-09-05",
                "2022-11-24",
                "2022-12-26",
                "2023-01-02"
            ]
        );
    }

    #[test]
    fn half_days_are_the_ones_it_published() {
        assert_eq!(
            half_days("2000-01-01", "2004-12-31"),
            [
                "2000-07-03",
                "2000-11-24",
                "2001-07-03",
                "2001-11-23",
                "2001-12-24",
                "2002-07-05",
                "2002-11-29",
                "2002-12-24",
                "2003-07-03",
                "2003-11-28",
                "2003-12-24",
                "2003-12-26",
                "2004-11-26",
            ]
        );
        assert_eq!(
            half_days("2012-01-01", "2014-12-31"),
            [
                "2012-07-03",
                "2012-11-23",
                "2012-12-24",
                "2013-07-03",
                "2013-11-29",
                "2013-12-24",
                "2014-07-03",
                "2014-11-28",
                "2014-12-24",
            ]
        );
        assert_eq!(
            half_days("2020-01-01", "2022-12-31"),
            ["2020-11-27", "2020-12-24", "2021-11-26", "2022-11-25"]
        );
        assert_eq!(
            half_days("2026-01-01", "2026-12-31"),
            ["2026-11-27", "2026-12-24"]
        );
    }

    #[test]
    fn a_year_has_about_252_trading_days_for_a_century() {
        for year in 2000..=2100 {
            let (from, to) = (format!("{year}-01-01"), format!("{year}-12-31"));
            let open = days(&from, &to)
                .filter(|date| is_trading_day(*date))
                .count();
            assert!((248..=254).contains(&open), "{year}: {open}");
        }
    }
}
