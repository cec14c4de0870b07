//! Tests of the detection of splits between two rows.

use proptest::prelude::*;

use super::*;

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a number")
}

fn closes([close, adjusted]: [&str; 2]) -> Closes {
    let [close, adjusted] =
        [close, adjusted].map(|text| WrittenPrice::parse(text).expect("a price"));
    Closes { close, adjusted }
}

/// The split between two rows, each a close and an adjusted close.
fn split(before: [&str; 2], after: [&str; 2]) -> Option<(i64, i64)> {
    SplitRatio::between(closes(before), closes(after)).map(|split| (split.new, split.old))
}

#[test]
fn splits_with_ratios_of_whole_numbers_are_found() {
    for (before, after, found) in [
        (["100.00", "50.00"], ["51.00", "51.00"], Some((2, 1))),
        (["700.00", "100.00"], ["101.00", "101.00"], Some((7, 1))),
        (["1.00", "10.00"], ["10.10", "10.10"], Some((1, 10))),
        (["30.00", "20.00"], ["21.00", "21.00"], Some((3, 2))),
        (["20.00", "30.00"], ["31.00", "31.00"], Some((2, 3))),
        (["62.50", "50.00"], ["50.00", "50.00"], Some((5, 4))),
        (["100.00", "100.00"], ["40.00", "40.00"], None),
    ] {
        assert_eq!(split(before, after), found, "{before:?} {after:?}");
    }
}

#[test]
fn an_adjusted_close_of_two_decimals_is_enough() {
    // ORCL, 1995.
    assert_eq!(split(["46.13", "2.15"], ["47.12", "2.19"]), None);
    assert_eq!(split(["47.12", "2.19"], ["31.37", "2.19"]), Some((3, 2)));
    assert_eq!(split(["31.37", "2.19"], ["30.50", "2.13"]), None);
}

#[test]
fn dividends_are_not_splits() {
    for (before, after) in [
        // MSFT's special dividend of 3 dollars, 2004.
        (["29.97", "21.86"], ["27.39", "22.16"]),
        // A tenth, and a little less than a fifth.
        (["100.00", "90.00"], ["90.00", "90.00"]),
        (["119.00", "100.00"], ["100.00", "100.00"]),
        // More than a fifth, but not n:m.
        (["123.4567", "100.0000"], ["100.0000", "100.0000"]),
    ] {
        assert_eq!(split(before, after), None, "{before:?} {after:?}");
    }
}

#[test]
fn floating_point_noise_is_ignored() {
    // The same two rows as single precision prints them, with 15 digits, and with 2.
    for (before, after) in [
        (
            ["47.11999893188477", "2.190000057220459"],
            ["31.3700008392334", "2.190000057220459"],
        ),
        (["47.12", "2.19035198171"], ["31.37", "2.18733514229"]),
        (["47.12", "2.19"], ["31.37", "2.19"]),
    ] {
        assert_eq!(split(before, after), Some((3, 2)), "{before:?}");
    }
    let before = ["50.0", "0.515965257204501"];
    assert_eq!(split(before, ["51.0", "0.526284562348591"]), None);
    assert_eq!(split(before, ["25.5", "0.526284562348591"]), Some((2, 1)));
}

#[test]
fn missing_trailing_zeros_do_not_widen_the_interval() {
    // 6:1 would also be possible if 2 stood for all values from 1.5 to 2.5.
    assert_eq!(split(["70.49", "2"], ["10.07", "2.01"]), Some((7, 1)));
}

#[test]
fn the_ratio_with_the_smallest_terms_counts_unless_no_jump_is_possible() {
    // The ratio is between 1.16 and 1.94, which also contains 4:3, 5:3 and others.
    assert_eq!(split(["15.0", "0.4"], ["10.0", "0.4"]), Some((3, 2)));
    // The ratio is between 0.5 and 4.5, which contains 1.
    assert_eq!(split(["15.00", "0.01"], ["10.00", "0.01"]), None);
}

#[test]
fn a_price_is_restated_in_new_shares() {
    let two = SplitRatio { new: 2, old: 1 };
    assert_eq!(two.restate(decimal("88.99")), Some(decimal("44.495")));
    let three = SplitRatio { new: 3, old: 2 };
    assert_eq!(three.restate(decimal("10")), Some(decimal("6.66666667")));
    let reverse = SplitRatio { new: 1, old: 10 };
    assert_eq!(reverse.restate(decimal("0.5")), Some(decimal("5")));
}

/// A corporate action before the session of a day.
#[derive(Clone, Copy, Debug)]
enum Action {
    Nothing,
    /// In thousandths of the previous close, up to a seventh of it.
    Dividend(u32),
    Split(i64, i64),
}

fn action() -> impl Strategy<Value = Action> {
    let ratios = [
        (2, 1),
        (3, 1),
        (4, 1),
        (7, 1),
        (10, 1),
        (20, 1),
        (3, 2),
        (5, 2),
        (4, 3),
        (5, 4),
        (6, 5),
        (1, 2),
        (1, 5),
        (1, 8),
        (1, 10),
        (1, 20),
        (2, 3),
        (4, 5),
    ];
    prop_oneof![
        6 => Just(Action::Nothing),
        2 => (1..143_u32).prop_map(Action::Dividend),
        1 => proptest::sample::select(ratios.to_vec()).prop_map(|(new, old)| Action::Split(new, old)),
    ]
}

/// The close and the adjustment factor of each day. An action is followed by a move of the price in
/// thousandths.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn days(first: u32, actions: &[(Action, i32)]) -> Vec<(f64, f64)> {
    let mut closes = vec![f64::from(first)];
    let mut changes = Vec::new();
    for (action, percent) in actions {
        let before = closes[closes.len() - 1];
        let (start, change) = match action {
            Action::Nothing => (before, 1.0),
            Action::Dividend(part) => {
                let left = 1.0 - f64::from(*part) / 1000.0;
                (before * left, left)
            }
            Action::Split(new, old) => {
                let change = *old as f64 / *new as f64;
                (before * change, change)
            }
        };
        closes.push(start * (1.0 + f64::from(*percent) / 1000.0));
        changes.push(change);
    }
    // The factor is 1 on the last day and shrinks with each action before it.
    let mut factor = 1.0;
    let mut days = vec![(closes[closes.len() - 1], factor)];
    for (close, change) in closes.iter().rev().skip(1).zip(changes.iter().rev()) {
        factor *= change;
        days.push((*close, factor));
    }
    days.reverse();
    days
}

/// The splits that are found if the columns are written with `close` and `adjusted` decimals.
fn found(
    days: &[(f64, f64)],
    close: usize,
    adjusted: usize,
    zeros: bool,
) -> Vec<Option<(i64, i64)>> {
    let write = |price: f64, digits: usize| {
        let text = format!("{price:.digits$}");
        if zeros || digits == 0 {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let rows: Vec<[String; 2]> = days
        .iter()
        .map(|(price, factor)| {
            // Vendors adjust the printed close.
            let printed: f64 = write(*price, close).parse().expect("a number");
            [write(*price, close), write(printed * factor, adjusted)]
        })
        .collect();
    let text = |row: &[String; 2]| closes([&row[0], &row[1]]);
    rows.windows(2)
        .map(|pair| SplitRatio::between(text(&pair[0]), text(&pair[1])).map(|it| (it.new, it.old)))
        .collect()
}

proptest! {
    #[test]
    fn exactly_the_splits_are_found(
        first in 40..400_u32,
        actions in proptest::collection::vec((action(), -80..90_i32), 1..12),
        digits in 2..7_usize,
        zeros: bool,
    ) {
        let days = days(first, &actions);
        // Two decimals are not enough for lower prices.
        let readable = days.iter().all(|(close, factor)| *close >= 5.0 && close * factor >= 2.0);
        prop_assume!(readable && days.iter().all(|(close, _)| *close < 1e6));
        let expected: Vec<_> = actions
            .iter()
            .map(|(action, _)| match action {
                Action::Split(new, old) => Some((*new, *old)),
                _ => None,
            })
            .collect();
        prop_assert_eq!(&found(&days, digits, digits, zeros), &expected);
        // Other vendors write other numbers of decimals.
        prop_assert_eq!(&found(&days, 2, digits, true), &expected);
        prop_assert_eq!(&found(&days, digits, 15, true), &expected);
    }

    #[test]
    fn detection_never_panics(units in proptest::array::uniform4(1..=i64::MAX)) {
        let [a, b, c, d] = units.map(|units| Decimal::from_units(units).to_string());
        let found = SplitRatio::between(closes([&a, &b]), closes([&c, &d]));
        let _ = found.map(|split| split.restate(decimal(&a)));
    }
}
