//! Random rules around a price of 100, and a price that walks around it.

use std::time::Duration;

use alerting::{Basis, Condition, Rule, RuleStart, Sample};
use entity::{ChangeBase, Decimal, Timestamp, Trigger};
use testkit::SeededRandom;

use super::{hundredths, noon, today};

/// Draws a rule. Most levels and percentages are out of reach of the walk.
pub(super) fn rule(random: &mut SeededRandom, id: i64, stock: i64) -> Rule {
    let distance = i64::try_from(random.between(50, 9_000)).expect("a distance");
    let percent = hundredths(i64::try_from(random.between(300, 9_000)).expect("a percentage"));
    let (above, below) = (hundredths(10_000 + distance), hundredths(10_000 - distance));
    let condition = match random.between(1, 6) {
        1 => Condition::Above {
            level: above,
            basis: Basis::Last,
        },
        2 => Condition::Below {
            level: below,
            basis: Basis::Range,
        },
        3 => Condition::CrossesAbove { level: above },
        4 => Condition::CrossesBelow { level: below },
        5 => Condition::PercentChange {
            percent,
            base: random.choose(&[ChangeBase::PreviousClose, ChangeBase::LastAlert]),
        },
        _ => Condition::ChangeInWindow {
            percent,
            window: Duration::from_mins(5),
        },
    };
    Rule {
        id,
        stock: Some(stock),
        condition,
        level_day: today(),
        trigger: random.choose(&[Trigger::EveryTime, Trigger::OncePerDay]),
        cooldown_seconds: random.choose(&[0, 0, 300]),
        hold_seconds: 0,
        rearm_percent: Decimal::ZERO,
        enabled: true,
        expires_at: None,
        start: RuleStart {
            seq: 0,
            recorded_at: noon(),
        },
    }
}

/// A price that walks around 100, one a second.
pub(super) fn walk(random: &mut SeededRandom) -> impl Iterator<Item = Sample> {
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
