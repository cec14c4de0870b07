//! Compares the stored alerts and rules with the naive evaluator, and both with dry runs.

use alerting::adjust;
use chrono::NaiveDate;
use entity::{AlertRule, Decimal, Direction, Ratio, Split, Timestamp, Trigger};
use store::{price::Recorded, rule};

use super::{
    super::{NewRule, TestFiring},
    history::History,
    random_rule::is_level,
    trial::{Trial, dry_run, service},
};
use crate::service::Service;

/// How much was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) rules: usize,
    pub(super) alerts: usize,
    pub(super) dry_runs: usize,
    pub(super) dry_firings: usize,
}

impl Counts {
    pub(super) fn add(&mut self, other: Self) {
        self.rules += other.rules;
        self.alerts += other.alerts;
        self.dry_runs += other.dry_runs;
        self.dry_firings += other.dry_firings;
    }
}

/// Compares everything after a random history.
pub(super) async fn check(history: &History) -> Counts {
    let trial = &history.trial;
    let mut counts = Counts {
        rules: history.rules.len(),
        alerts: check_alerts(trial).await,
        ..Counts::default()
    };
    let connection = trial.store.database.read();
    let rules = rule::list(connection, None).await.expect("rules");
    let users = rules.into_iter().filter(|rule| !rule.is_default);
    let users: Vec<AlertRule> = users.collect();
    assert_eq!(users.len(), history.rules.len());
    check_rules(trial, &users);
    if history.is_exact {
        let service = service(&trial.store).await;
        for rule in users.iter().filter(|rule| is_comparable(history, rule)) {
            counts.dry_runs += 1;
            counts.dry_firings += check_dry_run(trial, &service, rule).await;
        }
    }
    counts
}

/// Compares the stored alerts with the firings of the naive evaluator.
pub(super) async fn check_alerts(trial: &Trial) -> usize {
    let (stored, expected) = (trial.stored_alerts().await, trial.expected_alerts());
    let unequal = stored.iter().zip(&expected).position(|(a, b)| a != b);
    let at = unequal.or((stored.len() != expected.len()).then(|| stored.len().min(expected.len())));
    if let Some(at) = at {
        let of = |alerts: &[super::trial::AlertColumns]| alerts.get(at).copied();
        let (stored, expected) = (of(&stored), of(&expected));
        let rules = rule::list(trial.store.database.read(), None).await;
        let rules = rules.expect("rules");
        let ids = [&stored, &expected].map(|alert| alert.as_ref().and_then(|it| it.0));
        let rules: Vec<_> = rules
            .iter()
            .filter(|it| ids.contains(&Some(it.id)))
            .collect();
        panic!("alert {at}:\nstored   {stored:?}\nexpected {expected:?}\nof {rules:#?}");
    }
    stored.len()
}

/// Compares the levels of rules, and whether they are enabled.
pub(super) fn check_rules(trial: &Trial, rules: &[AlertRule]) {
    for rule in rules {
        let naive = &trial.naive;
        assert_eq!(rule.enabled, naive.is_enabled(rule.id), "{rule:#?}");
        let level = naive.level(rule.id).filter(|_| is_level(rule.kind));
        if let Some(level) = level {
            assert_eq!(rule.threshold, level, "{rule:#?}");
        }
    }
}

/// Whether a rule existed unchanged over samples and splits that a dry run finds, too.
fn is_comparable(history: &History, rule: &AlertRule) -> bool {
    let of_rule = history
        .markets()
        .filter(|(stock, _)| rule.stock_id.is_none_or(|of| of == *stock));
    let has_late_split = of_rule.map(|(_, late)| late).max() >= Some(rule.start_at);
    let waits = rule.stock_id.is_none() && rule.trigger == Trigger::Once;
    let is_changed = history.rules[&rule.id].is_special || has_late_split;
    let waited = waits && history.held_at > rule.start_at;
    rule.start_at > history.begun_at
        && !is_changed
        && !waited
        && (!is_level(rule.kind) || history.trial.naive.level(rule.id).is_some())
}

/// What a firing consists of, in the shares of the newest price.
type DryColumns = (
    Timestamp,
    String,
    Direction,
    Decimal,
    Decimal,
    [Option<Decimal>; 2],
    NaiveDate,
);

/// Compares the dry run of a rule since its start with its firings. Returns their number.
pub(super) async fn check_dry_run(trial: &Trial, service: &Service, rule: &AlertRule) -> usize {
    let range = Recorded {
        from: Some(rule.start_at),
        to: None,
    };
    let test = dry_run(service, new_rule(rule), range).await;
    let test = test.expect("a dry run");
    let found: Vec<DryColumns> = test.fired.iter().map(found).collect();
    let mut expected = Vec::new();
    let of_rule = trial
        .fired
        .iter()
        .filter(|fired| fired.firing.rule == rule.id && fired.sample.seq > rule.start_seq);
    for (at, fired) in of_rule.enumerate() {
        let (sample, firing) = (&fired.sample, &fired.firing);
        let splits = trial.splits(sample.stock);
        let newest = trial.naive.newest(sample.stock).expect("a price");
        let today = newest.trading_day;
        let converted = |price| adjust(&splits, price, sample.trading_day, today);
        let level = is_level(rule.kind);
        let threshold = converted(firing.threshold).filter(|_| level);
        let stock = trial.stocks.iter().find(|it| it.id == sample.stock);
        expected.push((
            sample.recorded_at,
            stock.expect("a stock").symbol.to_string(),
            firing.direction,
            converted(sample.price).expect("a price"),
            threshold.unwrap_or(firing.threshold),
            [firing.reference.and_then(converted), firing.change_percent],
            sample.trading_day,
        ));
        if let Some(found) = test.fired.get(at).filter(|_| rule.stock_id.is_some()) {
            let ratio = Split::between(&splits, sample.trading_day, today);
            let factor = Ratio::from_decimal(found.split_factor);
            assert_eq!(factor, Some(ratio.unwrap_or(Ratio::ONE)));
        }
    }
    expected.sort_by_key(|it| it.0);
    assert_eq!(test.count, u64::try_from(expected.len()).expect("a few"));
    expected.truncate(1_000);
    assert_eq!(found, expected, "{rule:#?}");
    assert_eq!(test.not_fired.is_none(), !found.is_empty());
    found.len()
}

fn found(firing: &TestFiring) -> DryColumns {
    assert!(!firing.is_candle);
    (
        firing.at,
        firing.symbol.to_string(),
        firing.direction,
        firing.price,
        firing.threshold,
        [firing.reference_price, firing.change_percent],
        firing.trading_day,
    )
}

/// The settings of a rule, as the input of a dry run.
fn new_rule(rule: &AlertRule) -> NewRule {
    NewRule {
        symbol: rule.symbol.clone(),
        name: rule.name.clone(),
        note: rule.note.clone(),
        kind: rule.kind,
        threshold: rule.threshold,
        base: rule.base,
        basis: rule.basis,
        window_seconds: rule.window_seconds,
        hold_seconds: rule.hold_seconds,
        trigger: rule.trigger,
        rearm_percent: rule.rearm_percent,
        cooldown_seconds: rule.cooldown_seconds,
        enabled: rule.enabled,
        expires_at: rule.expires_at,
    }
}
