//! The expected prices and alerts of a replay of the bundled file, computed independently of the
//! program.
//!
//! Numbers are 128-bit integers in units of 1e-14. A split is found by comparing the products
//! `close₀ · adjusted₁` and `adjusted₀ · close₁`, without division.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use chrono::NaiveDate;

const FILE: &[u8] = include_bytes!("../../data/real-stocks-2000-2013.csv.gz");
/// The number of fractional digits.
const DIGITS: usize = 14;
/// The smallest price, 1e-8, in units of 1e-14.
const PRICE_STEP: i128 = 1_000_000;

/// A price as it should be stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExpectedPrice {
    pub(crate) day: NaiveDate,
    pub(crate) symbol: String,
    pub(crate) close: String,
    pub(crate) previous: Option<String>,
    pub(crate) open: Option<String>,
    pub(crate) high: Option<String>,
    pub(crate) low: Option<String>,
    pub(crate) volume: Option<i64>,
}

/// An alert that should fire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExpectedAlert {
    pub(crate) day: NaiveDate,
    pub(crate) symbol: String,
    pub(crate) up: bool,
    pub(crate) multiple: String,
}

/// Returns the prices and alerts of a replay that starts at `from`, in order.
pub(crate) fn expected_replay(from: NaiveDate) -> (Vec<ExpectedPrice>, BTreeSet<ExpectedAlert>) {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FILE)
        .read_to_string(&mut text)
        .expect("gzip");
    let mut rows: BTreeMap<&str, BTreeMap<NaiveDate, Vec<&str>>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let day = fields[1].parse().expect("a date");
        if day >= from {
            rows.entry(fields[0]).or_default().insert(day, fields);
        }
    }
    let (mut prices, mut alerts) = (Vec::new(), BTreeSet::new());
    for (symbol, days) in rows {
        let mut before: Option<(i128, i128)> = None;
        for (day, fields) in days {
            let (close, adjusted) = (number(fields[5]), number(fields[7]));
            let previous = before.map(|before| restated(before, (close, adjusted)));
            before = Some((close, adjusted));
            let written = |field: usize| Some(shortest(number(fields[field])));
            prices.push(ExpectedPrice {
                day,
                symbol: symbol.to_owned(),
                close: shortest(close),
                previous: previous.map(shortest),
                open: written(2),
                high: written(3),
                low: written(4),
                volume: fields[6].parse().ok(),
            });
            let Some(previous) = previous else { continue };
            let moved = (close - previous).abs() * 100;
            let steps = (1..1_000)
                .take_while(|steps| moved >= steps * 5 * previous)
                .last();
            if let Some(steps) = steps {
                alerts.insert(ExpectedAlert {
                    day,
                    symbol: symbol.to_owned(),
                    up: close > previous,
                    multiple: (steps * 5).to_string(),
                });
            }
        }
    }
    prices.sort();
    (prices, alerts)
}

/// Returns the previous close restated in shares of today, rounded to 8 digits.
fn restated((close, adjusted): (i128, i128), (close_now, adjusted_now): (i128, i128)) -> i128 {
    // A split divides close / adjusted by the number of new shares per old share.
    let (shares, of) = (close * adjusted_now, adjusted * close_now);
    let ratios = (2..=100).flat_map(|n| [(n, 1), (1, n)]).chain([(3, 2)]);
    let near = |(n, d): &(i128, i128)| {
        let (is, would_be) = (shares / 1_000_000 * d, of / 1_000_000 * n);
        (is - would_be).abs() * 1_000 <= would_be
    };
    match ratios.into_iter().find(near) {
        Some((n, d)) => {
            let doubled = 2 * close * d / (n * PRICE_STEP);
            (doubled + 1) / 2 * PRICE_STEP
        }
        None => close,
    }
}

fn number(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{fraction:0<DIGITS$}");
    format!("{whole}{}", &digits[..DIGITS])
        .parse()
        .expect("a number")
}

fn shortest(number: i128) -> String {
    let scale = 10_i128.pow(u32::try_from(DIGITS).expect("few"));
    let fraction = format!("{:0DIGITS$}", number % scale);
    match fraction.trim_end_matches('0') {
        "" => (number / scale).to_string(),
        fraction => format!("{}.{fraction}", number / scale),
    }
}
