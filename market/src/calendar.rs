//! The trading calendar of the New York exchanges: holidays and early closes.
//!
//! Holidays follow the rules of NYSE Rule 7.2 and the exchange's published calendars, and are right
//! for every date from 2000 on. Unscheduled closures are listed by date. One that is missing from
//! the list counts as a trading day, which only costs a few polls without news.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use crate::easter::easter;

/// Full-day closures outside the rules: September 2001, the funerals of Presidents Reagan, Ford,
/// Bush and Carter, and hurricane Sandy.
const UNSCHEDULED_CLOSURES: [(i32, u32, u32); 10] = [
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

/// Early closes outside the rules: the Fridays after Independence Day 2002 and Christmas 2003.
const UNSCHEDULED_EARLY_CLOSES: [(i32, u32, u32); 2] = [(2002, 7, 5), (2003, 12, 26)];

/// Whether the New York exchanges trade on a date: a weekday that is not a holiday.
pub fn is_trading_day(date: NaiveDate) -> bool {
    !is_weekend(date) && !is_holiday(date) && !UNSCHEDULED_CLOSURES.contains(&parts(date))
}

/// Whether a date is a trading day with an early close, at 13:00 New York.
pub fn is_early_close(date: NaiveDate) -> bool {
    let (year, month, day) = parts(date);
    let regular = match month {
        // The day before Independence Day. A Wednesday counts only since 2013.
        7 => day == 3 && (date.weekday() != Weekday::Wed || year >= 2013),
        11 => date.pred_opt().is_some_and(is_thanksgiving),
        12 => day == 24,
        _ => false,
    };
    (regular || UNSCHEDULED_EARLY_CLOSES.contains(&(year, month, day))) && is_trading_day(date)
}

fn is_holiday(date: NaiveDate) -> bool {
    let (year, month, _) = parts(date);
    let nth = |weekday, week: u32| nth_weekday(date, weekday, week);
    match month {
        // A New Year's Day on a Saturday is not observed on Friday, the last day of the fiscal
        // year.
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

/// Whether a fixed holiday of the year is observed on this date. A holiday on a Saturday is
/// observed on Friday, one on a Sunday on Monday.
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

/// Whether a date is the n-th of the given weekday in its month, counted from 1.
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

    fn closed_weekdays(from: &str, to: &str) -> Vec<String> {
        days(from, to)
            .filter(|date| !is_weekend(*date) && !is_trading_day(*date))
            .map(|date| date.to_string())
            .collect()
    }

    fn early_closes(from: &str, to: &str) -> Vec<String> {
        days(from, to)
            .filter(|date| is_early_close(*date))
            .map(|date| date.to_string())
            .collect()
    }

    #[test]
    fn holidays_match_the_published_calendars() {
        // https://www.nyse.com/markets/hours-calendars; in 2025 with President Carter's funeral.
        assert_eq!(
            closed_weekdays("2025-01-01", "2026-12-31"),
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
            closed_weekdays("2001-09-01", "2001-12-31"),
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
    fn a_holiday_on_a_weekend_is_observed_on_a_weekday_except_new_year_on_a_saturday() {
        // 2022-01-01 was a Saturday and is not observed. In 2021 Christmas was a Saturday and 4
        // July a Sunday.
        assert_eq!(
            closed_weekdays("2021-06-01", "2022-01-14"),
            ["2021-07-05", "2021-09-06", "2021-11-25", "2021-12-24"]
        );
        // 2023-01-01 was a Sunday, and so was Juneteenth in 2022, the first year in which it is
        // observed.
        assert_eq!(
            closed_weekdays("2022-06-01", "2023-01-10"),
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
    fn early_closes_match_the_published_calendars() {
        assert_eq!(
            early_closes("2000-01-01", "2004-12-31"),
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
            early_closes("2012-01-01", "2014-12-31"),
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
            early_closes("2020-01-01", "2022-12-31"),
            ["2020-11-27", "2020-12-24", "2021-11-26", "2022-11-25"]
        );
        assert_eq!(
            early_closes("2026-01-01", "2026-12-31"),
            ["2026-11-27", "2026-12-24"]
        );
    }

    #[test]
    fn every_year_until_2100_has_about_252_trading_days() {
        for year in 2000..=2100 {
            let (from, to) = (format!("{year}-01-01"), format!("{year}-12-31"));
            let open = days(&from, &to)
                .filter(|date| is_trading_day(*date))
                .count();
            assert!((248..=254).contains(&open), "{year}: {open}");
        }
    }
}
