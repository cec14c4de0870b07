//! The cost of alert rules: `cargo bench -p tracker --bench rules -- RULES`. The argument is the
//! maximum number of rules, 1,000,000 by default.
//!
//! The index of rules and the naive loop over all rules evaluate the same prices in the same run.
//! Then prices are stored in a SQLite file with and without rules. Before, the rules are loaded as
//! by a tracker that takes over.

#![expect(clippy::print_stdout, reason = "it is a program that prints tables")]

#[path = "../shared/mod.rs"]
mod shared;
mod storing;

use std::time::{Duration, Instant};

use alerting::{RuleIndex, Sample};
use entity::Timestamp;
use testkit::{NaiveRules, SeededRandom};

use self::shared::{hundredths, micros, noon, today};

/// The numbers of rules.
const RULES: [usize; 3] = [10, 10_000, 1_000_000];
/// The numbers of stocks that the rules are spread over.
const STOCKS: [i64; 2] = [1, 1_000];
/// The number of prices that the index evaluates.
const PRICES: usize = 2_000;
/// How many rules the naive loop looks at in all, at least once each.
const NAIVE_STEPS: usize = 3_000_000;

#[tokio::main]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
    let most = std::env::args().find_map(|it| it.parse::<usize>().ok());
    let most = most.unwrap_or(1_000_000);
    // First, because memory that others have freed would not count.
    storing::load_rules(most).await;
    println!();
    let counts = RULES.into_iter().filter(|count| *count <= most);
    println!("| rules | stocks | index, µs a price | naive loop, µs a price | ratio | firings |");
    println!("|------:|-------:|------------------:|-----------------------:|------:|--------:|");
    for count in counts {
        for stocks in STOCKS {
            compare(count, stocks);
        }
    }
    println!();
    storing::store_prices(most.min(10_000)).await;
}

/// Evaluates a price walk of stock 1 with rules that are spread over `stocks`.
fn compare(count: usize, stocks: i64) {
    let mut random = SeededRandom::new(1);
    let mut index = RuleIndex::default();
    let mut naive = NaiveRules::default();
    for id in 1..=count {
        let id = i64::try_from(id).expect("a count");
        let rule = shared::rule(&mut random, id, 1 + id % stocks);
        index.set_rule(rule.clone());
        naive.set_rule(rule);
    }
    let samples: Vec<Sample> = walk(&mut random).take(PRICES).collect();
    index.load_window(1, []);
    let rounds = (NAIVE_STEPS / count).clamp(1, PRICES);
    let (mut ours, mut theirs, mut firings) = (Vec::new(), Vec::new(), 0);
    for (at, sample) in samples.iter().enumerate() {
        let begun = Instant::now();
        let evaluation = index.evaluate(sample);
        ours.push(begun.elapsed());
        firings += evaluation.firings.len();
        if at < rounds {
            let begun = Instant::now();
            let expected = naive.evaluate(sample);
            theirs.push(begun.elapsed());
            assert_eq!(expected, evaluation.firings, "both fire the same");
        }
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "| {count} | {stocks} | {:.1} | {:.1} | {:.1} | {firings} |",
        micros(ours),
        micros(theirs),
        micros(theirs) / micros(ours)
    );
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

/// A price that walks around 100, one a second.
fn walk(random: &mut SeededRandom) -> impl Iterator<Item = Sample> {
    let mut price = 10_000;
    (1..).map(move |seq| {
        price = (price + random.choose(&[-3, -2, -1, 1, 2, 3])).clamp(9_900, 10_100);
        let now = Timestamp::from_micros(noon().micros() + seq * 1_000_000);
        Sample {
            stock: 1,
            seq,
            recorded_at: now,
            market_time: now,
            trading_day: today(),
            session_open: noon().before(Duration::from_hours(2)),
            price: hundredths(price),
            previous_close: Some(hundredths(10_000)),
            open: Some(hundredths(10_000)),
            high: None,
            low: None,
            volume: None,
            average_volume: None,
        }
    })
}
