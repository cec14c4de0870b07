//! Checks the settings of a rule.

use std::ops::RangeInclusive;

use entity::{AlertKind, AlertRule, ChangeBase, Decimal, PriceBasis};

/// The lengths of a window, in seconds.
const WINDOWS: [i32; 5] = [300, 900, 3_600, 14_400, 86_400];
const HOLD: RangeInclusive<i32> = 0..=86_400;
const COOLDOWN: RangeInclusive<i32> = 0..=604_800;
const MAX_REARM: Decimal = Decimal::from_int(50);
const MAX_NAME: usize = 120;
const MAX_NOTE: usize = 2_000;

/// A setting that is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    /// The name of its field in the API.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// Checks the settings of a rule, independent of the time and of other rules.
///
/// # Errors
/// The first setting that is invalid.
pub fn validate(rule: &AlertRule) -> Result<(), InvalidSetting> {
    check_texts(rule)?;
    let kind = rule.kind;
    let requires_symbol = !matches!(
        kind,
        AlertKind::PercentChange | AlertKind::ChangeInWindow | AlertKind::VolumeSpike
    );
    check(!requires_symbol || rule.symbol.is_some(), "symbol", || {
        format!("{} requires a symbol", kind.name())
    })?;
    check(rule.threshold > Decimal::ZERO, "threshold", || {
        "must be greater than 0".into()
    })?;
    let has_base = rule
        .base
        .is_none_or(|base| base == ChangeBase::PreviousClose);
    check(has_base || kind == AlertKind::PercentChange, "base", || {
        format!("requires PERCENT_CHANGE, not {}", kind.name())
    })?;
    let is_state = matches!(kind, AlertKind::PriceAbove | AlertKind::PriceBelow);
    let is_range = rule.basis == PriceBasis::Range;
    check(!is_range || is_state, "basis", || {
        format!(
            "RANGE requires PRICE_ABOVE or PRICE_BELOW, not {}",
            kind.name()
        )
    })?;
    check_window(rule)?;
    check_seconds("holdSeconds", rule.hold_seconds, HOLD)?;
    let can_hold = match kind {
        AlertKind::PriceAbove | AlertKind::PriceBelow => !is_range,
        AlertKind::PercentChange | AlertKind::ChangeInWindow => true,
        _ => false,
    };
    check(can_hold || rule.hold_seconds == 0, "holdSeconds", || {
        let basis = if is_range { " with basis RANGE" } else { "" };
        format!("{}{basis} cannot hold", kind.name())
    })?;
    let rearm = rule.rearm_percent;
    check(
        rearm >= Decimal::ZERO && rearm <= MAX_REARM,
        "rearmPercent",
        || format!("{rearm} is not between 0 and {MAX_REARM}"),
    )?;
    let is_spike = kind == AlertKind::VolumeSpike;
    check(!is_spike || rearm == Decimal::ZERO, "rearmPercent", || {
        "VOLUME_SPIKE has no margin".into()
    })?;
    check_seconds("cooldownSeconds", rule.cooldown_seconds, COOLDOWN)
}

fn check_window(rule: &AlertRule) -> Result<(), InvalidSetting> {
    let lengths = || format!("must be one of {WINDOWS:?}");
    match (rule.kind, rule.window_seconds) {
        (AlertKind::ChangeInWindow, None) => check(false, "windowSeconds", || {
            format!("CHANGE_IN_WINDOW requires it: {}", lengths())
        }),
        (AlertKind::ChangeInWindow, Some(seconds)) => {
            check(WINDOWS.contains(&seconds), "windowSeconds", lengths)
        }
        (kind, Some(_)) => check(false, "windowSeconds", || {
            format!("requires CHANGE_IN_WINDOW, not {}", kind.name())
        }),
        (_, None) => Ok(()),
    }
}

fn check_texts(rule: &AlertRule) -> Result<(), InvalidSetting> {
    if let Some(name) = &rule.name {
        let length = name.chars().count();
        check((1..=MAX_NAME).contains(&length), "name", || {
            format!("has {length} characters; 1 to {MAX_NAME} are allowed")
        })?;
        check(!name.contains(char::is_control), "name", || {
            "must not contain control characters".into()
        })?;
    }
    let length = rule.note.as_ref().map_or(0, |note| note.chars().count());
    check(length <= MAX_NOTE, "note", || {
        format!("has {length} characters; at most {MAX_NOTE} are allowed")
    })
}

fn check_seconds(
    field: &'static str,
    seconds: i32,
    allowed: RangeInclusive<i32>,
) -> Result<(), InvalidSetting> {
    check(allowed.contains(&seconds), field, || {
        format!(
            "{seconds} is not between {} and {}",
            allowed.start(),
            allowed.end()
        )
    })
}

fn check(
    is_valid: bool,
    field: &'static str,
    reason: impl FnOnce() -> String,
) -> Result<(), InvalidSetting> {
    if is_valid {
        return Ok(());
    }
    Err(InvalidSetting {
        field,
        reason: reason(),
    })
}
