//! The date of Easter, from which the calendar computes Good Friday.

use chrono::NaiveDate;

/// Returns Easter Sunday of a year from 1583 on, or `None` outside the years of `chrono`. This is
/// the anonymous Gregorian algorithm with its letters (Meeus, Astronomical Algorithms, chapter 8).
#[expect(
    clippy::many_single_char_names,
    reason = "the letters of the published algorithm"
)]
pub(super) fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b.div_euclid(4), b.rem_euclid(4));
    let f = (b + 8).div_euclid(25);
    let g = (b - f + 1).div_euclid(3);
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c.div_euclid(4), c.rem_euclid(4));
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l).div_euclid(451);
    let n = h + l - 7 * m + 114;
    let (month, day) = (n.div_euclid(31), n.rem_euclid(31) + 1);
    NaiveDate::from_ymd_opt(year, month.try_into().ok()?, day.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_falls_on_its_known_sundays() {
        for date in [
            "2000-04-23",
            "2008-03-23",
            "2011-04-24",
            "2016-03-27",
            "2024-03-31",
            "2026-04-05",
            "2038-04-25",
            "2100-03-28",
        ] {
            let date: NaiveDate = date.parse().expect("a date");
            assert_eq!(easter(chrono::Datelike::year(&date)), Some(date));
        }
    }
}
