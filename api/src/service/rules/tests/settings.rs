//! Each kind of rule with each field: what does not go together is refused and names the field.

use entity::{AlertKind, ChangeBase, Decimal, PriceBasis, Trigger};
use testkit::TestDatabase;

use super::{super::NewRule, random_rule::decimal, trial::Trial};
use crate::service::Error;

/// The valid settings of a kind, without any optional one.
pub(super) fn plain(kind: AlertKind, threshold: &str) -> NewRule {
    NewRule {
        symbol: Some("AAPL".parse().expect("a symbol")),
        name: None,
        note: None,
        kind,
        threshold: decimal(threshold),
        base: None,
        basis: PriceBasis::Last,
        window_seconds: (kind == AlertKind::ChangeInWindow).then_some(300),
        hold_seconds: 0,
        trigger: Trigger::EveryTime,
        rearm_percent: Decimal::ZERO,
        cooldown_seconds: 0,
        enabled: true,
        expires_at: None,
    }
}

/// A field, a value of it, and the kinds that it goes with.
type Case = (&'static str, fn(&mut NewRule), &'static [AlertKind]);

const ALL: &[AlertKind] = &[
    AlertKind::PriceAbove,
    AlertKind::PriceBelow,
    AlertKind::CrossesAbove,
    AlertKind::CrossesBelow,
    AlertKind::PercentChange,
    AlertKind::ChangeInWindow,
    AlertKind::VolumeSpike,
];
const STATES: &[AlertKind] = &[AlertKind::PriceAbove, AlertKind::PriceBelow];
const LEVELS_AND_CHANGES: &[AlertKind] = &[
    AlertKind::PriceAbove,
    AlertKind::PriceBelow,
    AlertKind::CrossesAbove,
    AlertKind::CrossesBelow,
    AlertKind::PercentChange,
    AlertKind::ChangeInWindow,
];
const WINDOW: &[AlertKind] = &[AlertKind::ChangeInWindow];
const WITHOUT_WINDOW: &[AlertKind] = &[
    AlertKind::PriceAbove,
    AlertKind::PriceBelow,
    AlertKind::CrossesAbove,
    AlertKind::CrossesBelow,
    AlertKind::PercentChange,
    AlertKind::VolumeSpike,
];
const HOLDING: &[AlertKind] = &[
    AlertKind::PriceAbove,
    AlertKind::PriceBelow,
    AlertKind::PercentChange,
    AlertKind::ChangeInWindow,
];
const FOR_ALL_STOCKS: &[AlertKind] = &[
    AlertKind::PercentChange,
    AlertKind::ChangeInWindow,
    AlertKind::VolumeSpike,
];

const CASES: &[Case] = &[
    ("symbol", |it| it.symbol = None, FOR_ALL_STOCKS),
    ("threshold", |it| it.threshold = decimal("0.00000001"), ALL),
    ("threshold", |it| it.threshold = Decimal::ZERO, &[]),
    ("threshold", |it| it.threshold = decimal("-1"), &[]),
    ("base", |it| it.base = Some(ChangeBase::PreviousClose), ALL),
    (
        "base",
        |it| it.base = Some(ChangeBase::Open),
        &[AlertKind::PercentChange],
    ),
    (
        "base",
        |it| it.base = Some(ChangeBase::LastAlert),
        &[AlertKind::PercentChange],
    ),
    ("basis", |it| it.basis = PriceBasis::Range, STATES),
    (
        "windowSeconds",
        |it| it.window_seconds = None,
        WITHOUT_WINDOW,
    ),
    ("windowSeconds", |it| it.window_seconds = Some(300), WINDOW),
    (
        "windowSeconds",
        |it| it.window_seconds = Some(86_400),
        WINDOW,
    ),
    ("windowSeconds", |it| it.window_seconds = Some(301), &[]),
    ("windowSeconds", |it| it.window_seconds = Some(0), &[]),
    ("holdSeconds", |it| it.hold_seconds = 1, HOLDING),
    ("holdSeconds", |it| it.hold_seconds = 86_400, HOLDING),
    ("holdSeconds", |it| it.hold_seconds = 86_401, &[]),
    ("holdSeconds", |it| it.hold_seconds = -1, &[]),
    (
        "rearmPercent",
        |it| it.rearm_percent = decimal("50"),
        LEVELS_AND_CHANGES,
    ),
    (
        "rearmPercent",
        |it| it.rearm_percent = decimal("50.00000001"),
        &[],
    ),
    (
        "rearmPercent",
        |it| it.rearm_percent = decimal("-0.00000001"),
        &[],
    ),
    ("cooldownSeconds", |it| it.cooldown_seconds = 604_800, ALL),
    ("cooldownSeconds", |it| it.cooldown_seconds = 604_801, &[]),
    ("cooldownSeconds", |it| it.cooldown_seconds = -1, &[]),
    ("name", |it| it.name = Some("x".repeat(120)), ALL),
    ("name", |it| it.name = Some("x".repeat(121)), &[]),
    ("name", |it| it.name = Some(String::new()), &[]),
    ("name", |it| it.name = Some("a\tb".to_owned()), &[]),
    ("note", |it| it.note = Some("ü\n".repeat(1_000)), ALL),
    ("note", |it| it.note = Some("x".repeat(2_001)), &[]),
];

#[tokio::test]
async fn a_field_that_does_not_go_with_a_kind_is_refused_and_named() {
    let now = "2026-11-20T17:00:00Z".parse().expect("an instant");
    let trial = Trial::new(TestDatabase::sqlite().await, &["AAPL"], now).await;
    for kind in AlertKind::all() {
        for (at, (field, change, allowed)) in CASES.iter().enumerate() {
            let mut new = plain(kind, "5");
            change(&mut new);
            let case = format!("{}, case {at} of {field}", kind.name());
            match trial.service.checked_rule(new) {
                Ok(_) => assert!(allowed.contains(&kind), "{case} is accepted"),
                Err(error) => {
                    assert!(!allowed.contains(&kind), "{case}: {error}");
                    assert_eq!(error.code(), "BAD_USER_INPUT", "{case}");
                    let Error::BadInput { argument, .. } = error else {
                        panic!("{case}: {error}");
                    };
                    assert_eq!(argument, *field, "{case}");
                }
            }
        }
        let mut touching = plain(kind, "5");
        (touching.basis, touching.hold_seconds) = (PriceBasis::Range, 1);
        assert!(trial.service.checked_rule(touching).is_err());
    }
}
