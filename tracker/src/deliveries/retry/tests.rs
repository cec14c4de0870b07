//! Tests of delays, order and final failures.

use chrono::NaiveDate;
use entity::{Alert, AlertKind, Decimal, Direction};

use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000_000);

fn pending(failures: i32, blocks_until: Option<Timestamp>) -> PendingDelivery {
    PendingDelivery {
        id: 1,
        failures,
        expires_at: NOW.after(Duration::from_hours(24)),
        blocks_until,
        alert: Alert {
            id: 7,
            stock_id: 1,
            symbol: "AAPL".parse().expect("a symbol"),
            seq: 9,
            rule_id: Some(1),
            kind: AlertKind::PercentChange,
            direction: Direction::Up,
            price: Decimal::from_int(196),
            reference_price: None,
            change_percent: None,
            threshold: Decimal::from_int(5),
            trading_day: NaiveDate::MIN,
            triggered_at: NOW,
            acknowledged_at: None,
            fired_at: None,
            price_seq: None,
            rule_name: None,
            touched: None,
        },
    }
}

fn failed(advice: Advice, retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed(Failure {
        error: "HTTP 500".to_owned(),
        advice,
        retry_after,
    })
}

/// The delay of the next attempt in seconds, and how long later alerts wait for it in minutes.
fn retry(
    format: WebhookFormat,
    outcome: &Outcome,
    pending: &PendingDelivery,
    unit: f64,
) -> (u64, u64) {
    match plan(format, outcome, NOW).step(pending, unit) {
        NextStep::Retry { at, blocks_until } => (
            at.since(NOW).as_secs(),
            blocks_until.since(NOW).as_secs() / 60,
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn delays_grow_to_an_hour_and_vary_by_a_fifth() {
    let outcome = failed(Advice::Retry, None);
    let delay = |failures, unit| {
        let pending = pending(failures, None);
        retry(WebhookFormat::Standard, &outcome, &pending, unit).0
    };
    let planned: Vec<u64> = (0..7).map(|failures| delay(failures, 0.5)).collect();
    assert_eq!(planned, [5, 30, 120, 600, 1_800, 3_600, 3_600]);
    assert_eq!(
        [delay(0, 0.0), delay(0, 1.0), delay(9, 0.0), delay(9, 1.0)],
        [4, 6, 2_880, 4_320]
    );
}

#[test]
fn the_last_attempt_is_made_after_a_day() {
    let outcome = failed(Advice::Retry, None);
    let mut late = pending(20, None);
    late.expires_at = NOW.after(Duration::from_mins(10));
    assert_eq!(retry(WebhookFormat::Slack, &outcome, &late, 0.5).0, 600);
    late.expires_at = NOW;
    let step = plan(WebhookFormat::Slack, &outcome, NOW).step(&late, 0.5);
    assert_eq!(step, NextStep::Fail);
}

#[test]
fn retry_after_is_a_lower_bound() {
    for (seconds, delay) in [(2, 5), (90, 90)] {
        let outcome = failed(Advice::SlowDown, Some(Duration::from_secs(seconds)));
        let pending = pending(0, None);
        assert_eq!(
            retry(WebhookFormat::Standard, &outcome, &pending, 0.5).0,
            delay
        );
        let plan = plan(WebhookFormat::Standard, &outcome, NOW);
        let next = [(pending.clone(), plan.step(&pending, 0.5))];
        let paused_until = Some(NOW.after(Duration::from_secs(delay)));
        assert_eq!(
            plan.webhook(&next, NOW),
            WebhookChange::Failing { paused_until }
        );
    }
}

#[test]
fn order_is_kept_for_half_an_hour_where_it_matters() {
    let fails = failed(Advice::Retry, None);
    let rejects = failed(Advice::StepAside, None);
    let fresh = pending(0, None);
    let old = pending(3, Some(NOW.after(Duration::from_mins(10))));
    for (format, outcome, pending, blocks) in [
        (WebhookFormat::Standard, &fails, &fresh, 30),
        (WebhookFormat::Standard, &fails, &old, 10),
        (WebhookFormat::Standard, &rejects, &fresh, 0),
        (WebhookFormat::Discord, &fails, &fresh, 0),
        (WebhookFormat::Email, &fails, &fresh, 0),
    ] {
        assert_eq!(
            retry(format, outcome, pending, 0.5).1,
            blocks,
            "{format:?} {outcome:?}"
        );
    }
}

#[test]
fn some_failures_are_final() {
    let fresh = pending(0, None);
    for advice in [Advice::Gone, Advice::Never] {
        let outcome = failed(advice, None);
        let plan = plan(WebhookFormat::Standard, &outcome, NOW);
        let step = plan.step(&fresh, 0.5);
        assert_eq!(step, NextStep::Fail);
        let change = plan.webhook(&[(fresh.clone(), step)], NOW);
        assert_eq!(
            matches!(change, WebhookChange::Disabled { .. }),
            advice == Advice::Gone
        );
    }
}
