//! Random settings of rules near a price of 100.

use std::time::Duration;

use entity::{AlertKind, ChangeBase, Decimal, PriceBasis, Symbol, Timestamp, Trigger};
use testkit::SeededRandom;

use super::super::NewRule;

const KINDS: [AlertKind; 7] = [
    AlertKind::PriceAbove,
    AlertKind::PriceBelow,
    AlertKind::CrossesAbove,
    AlertKind::CrossesBelow,
    AlertKind::PercentChange,
    AlertKind::ChangeInWindow,
    AlertKind::VolumeSpike,
];

/// Draws a rule of a symbol. `level` is its threshold if it is a price.
pub(super) fn rule(random: &mut SeededRandom, symbol: &Symbol, level: Decimal) -> NewRule {
    let kind = random.choose(&KINDS);
    let is_level = is_level(kind);
    let mut new = NewRule {
        symbol: (is_level || random.percent(60)).then(|| symbol.clone()),
        name: random.percent(30).then(|| "a name".to_owned()),
        note: None,
        kind,
        threshold: level,
        base: None,
        basis: PriceBasis::Last,
        window_seconds: None,
        hold_seconds: 0,
        trigger: Trigger::EveryTime,
        rearm_percent: Decimal::ZERO,
        cooldown_seconds: 0,
        enabled: !random.percent(8),
        expires_at: None,
    };
    redraw(random, &mut new, level);
    new
}

/// Whether the threshold of a kind is a price.
pub(super) fn is_level(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::PriceAbove
            | AlertKind::PriceBelow
            | AlertKind::CrossesAbove
            | AlertKind::CrossesBelow
    )
}

/// Draws all settings that a change of the rule may have.
pub(super) fn redraw(random: &mut SeededRandom, new: &mut NewRule, level: Decimal) {
    let state = matches!(new.kind, AlertKind::PriceAbove | AlertKind::PriceBelow);
    if state {
        new.basis = random.choose(&[PriceBasis::Last, PriceBasis::Range, PriceBasis::Range]);
    }
    let can_hold = match new.kind {
        AlertKind::PercentChange | AlertKind::ChangeInWindow => true,
        _ => state && new.basis == PriceBasis::Last,
    };
    new.threshold = match new.kind {
        AlertKind::PercentChange | AlertKind::ChangeInWindow => {
            decimal(random.choose(&["0.5", "1", "1", "2", "2", "3", "60"]))
        }
        AlertKind::VolumeSpike => decimal(random.choose(&["1", "1.5", "2", "0.33333333"])),
        _ => level,
    };
    if new.kind == AlertKind::PercentChange {
        let bases = [
            None,
            Some(ChangeBase::PreviousClose),
            Some(ChangeBase::Open),
            Some(ChangeBase::LastAlert),
            Some(ChangeBase::LastAlert),
        ];
        new.base = random.choose(&bases);
    }
    if new.kind == AlertKind::ChangeInWindow {
        new.window_seconds = Some(random.choose(&[300, 900, 3_600, 14_400, 86_400]));
    }
    let holds = [0, 0, 0, 0, 1, 60, 300, 900, 3_600, 86_400];
    new.hold_seconds = if can_hold { random.choose(&holds) } else { 0 };
    let margins = ["0", "0", "0", "1", "2", "33.33333333", "50"];
    let has_margin = new.kind != AlertKind::VolumeSpike;
    new.rearm_percent = decimal(if has_margin {
        random.choose(&margins)
    } else {
        "0"
    });
    let triggers = [
        Trigger::Once,
        Trigger::EveryTime,
        Trigger::EveryTime,
        Trigger::OncePerDay,
    ];
    new.trigger = random.choose(&triggers);
    new.cooldown_seconds = cooldown(random);
}

/// Draws a cooldown.
pub(super) fn cooldown(random: &mut SeededRandom) -> i32 {
    random.choose(&[0, 0, 0, 0, 1, 60, 300, 900, 3_600, 86_400, 604_800])
}

/// Draws when a rule expires.
pub(super) fn expiry(random: &mut SeededRandom, now: Timestamp) -> Option<Timestamp> {
    const DAY: u64 = 86_400;
    let after = random.choose(&[0, 0, 0, 0, 0, 0, 0, 60, 900, 3_600, DAY, 2 * DAY, 6 * DAY]);
    (after > 0).then(|| now.after(Duration::from_secs(after)))
}

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}
