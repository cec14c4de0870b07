//! What benchmarks have in common: a store, random rules around a price of 100, and their rows.

use std::time::Duration;

use alerting::{Basis, Condition, Rule, RuleStart};
use chrono::NaiveDate;
use entity::{ChangeBase, Decimal, Timestamp, Trigger, table::alert_rule};
use runtime::clock::ManualClock;
use sea_orm::ActiveValue::{NotSet, Set};
use store::{Seed, Store};
use testkit::{SeededRandom, TestDatabase};

/// Creates a store that tracks the stocks `S1` to `S{stocks}`.
pub(crate) async fn seeded(database: &TestDatabase, stocks: i64) -> (Store, ManualClock) {
    let clock = ManualClock::at(noon());
    let store = Store::new((**database).clone(), clock.shared());
    let seed = Seed {
        epoch: 7,
        alert_threshold: Decimal::from_int(5),
        symbols: (1..=stocks)
            .map(|id| format!("S{id}").parse().expect("a symbol"))
            .collect(),
    };
    store::seed(&store, &seed).await.expect("seed the store");
    (store, clock)
}

/// Draws a rule. Most levels and percentages are out of reach of the walk.
pub(crate) fn rule(random: &mut SeededRandom, id: i64, stock: i64) -> Rule {
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

/// The row of a new rule.
pub(crate) fn row(rule: &Rule) -> alert_rule::ActiveModel {
    let threshold = rule.condition.threshold();
    let (base, basis, window) = match rule.condition {
        Condition::PercentChange { base, .. } => (Some(base), None, None),
        Condition::Above { basis, .. } | Condition::Below { basis, .. } => {
            (None, Some(basis), None)
        }
        Condition::ChangeInWindow { window, .. } => (None, None, Some(window)),
        _ => (None, None, None),
    };
    let seconds = |seconds: u64| i32::try_from(seconds).expect("a short time");
    alert_rule::ActiveModel {
        id: NotSet,
        stock_id: Set(rule.stock),
        is_default: Set(false),
        kind: Set(rule.condition.kind()),
        threshold: Set(threshold),
        base: Set(base),
        trigger: Set(rule.trigger),
        cooldown_seconds: Set(seconds(rule.cooldown_seconds.into())),
        enabled: Set(true),
        expires_at: Set(None),
        created_at: Set(noon()),
        basis: Set(basis.unwrap_or_default()),
        window_seconds: Set(window.map(|window| seconds(window.as_secs()))),
        set_threshold: Set(Some(threshold)),
        level_day: Set(Some(today())),
        start_at: Set(noon()),
        ..Default::default()
    }
}

pub(crate) fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

/// The trading day of all prices, a Friday.
pub(crate) fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).expect("a date")
}

/// Noon of that day in New York.
pub(crate) fn noon() -> Timestamp {
    "2026-11-20T17:00:00Z".parse().expect("an instant")
}

/// A price in hundredths.
pub(crate) fn hundredths(price: i64) -> Decimal {
    Decimal::from_units(price * 1_000_000)
}
