//! Random histories: prices, rule changes, splits and restarts. The evaluator and the reference
//! evaluator must fire the same.
//!
//! A failing history is shortened before it is printed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use alerting::{
    AverageVolume, Basis, Condition, Evaluation, Firing, Reference, Rule, RuleIndex, RuleStart,
    Sample, State,
};
use chrono::{Days, NaiveDate};
use entity::{ChangeBase, Decimal, Direction, Ratio, Split, Timestamp, Trigger};

use testkit::NaiveRules;

/// The seeds of the random histories.
const SEEDS: RangeInclusive<u64> = 1..=2000;
/// How many failures each thread shows.
const SHOWN: usize = 2;

const DAY: i64 = 86_400;
/// From the open to the close of a session, in seconds.
const SESSION: i64 = 23_400;

#[test]
fn the_evaluator_fires_like_the_reference_evaluator() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let check_some = |first: u64| {
        let mut counts = Counts::new();
        let seeds = (first..=*SEEDS.end()).step_by(threads);
        let failures: Vec<_> = seeds
            .filter_map(|seed| check(seed, &mut counts).err())
            .take(SHOWN)
            .collect();
        (counts, failures)
    };
    let (mut counts, mut failures) = (Counts::new(), Vec::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = SEEDS
            .take(threads)
            .map(|first| scope.spawn(move || check_some(first)))
            .collect();
        for worker in workers {
            let (counted, failed) = worker.join().expect("a worker that does not panic");
            add(&mut counts, counted);
            failures.extend(failed);
        }
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // The histories are only worth something if everything happens in them, and often.
    let rare: Vec<_> = expected_events()
        .map(|what| (counts.get(&what).copied().unwrap_or(0), what))
        .filter(|(count, _)| *count < 20)
        .collect();
    assert!(
        rare.is_empty(),
        "hardly ever happens: {rare:?}\n{counts:#?}"
    );
}

/// Replays a random history, and describes how the evaluators differ.
fn check(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let steps = History::new(seed).steps;
    if let Ok(counted) = replay(&steps, None) {
        add(counts, counted);
        return Ok(());
    }
    let steps = shorten(steps);
    let mut trace = String::new();
    let error = replay(&steps, Some(&mut trace)).expect_err("the shortened history fails");
    Err(format!("seed {seed}:\n{trace}{error}"))
}

/// How often what happened.
type Counts = BTreeMap<String, u64>;

fn add(counts: &mut Counts, counted: Counts) {
    for (what, count) in counted {
        *counts.entry(what).or_insert(0) += count;
    }
}

/// What must have happened in the histories.
fn expected_events() -> impl Iterator<Item = String> {
    let kinds = [
        "PRICE_ABOVE",
        "PRICE_BELOW",
        "CROSSES_ABOVE",
        "CROSSES_BELOW",
        "PERCENT_CHANGE",
        "CHANGE_IN_WINDOW",
        "VOLUME_SPIKE",
    ];
    let triggers = [Trigger::Once, Trigger::EveryTime, Trigger::OncePerDay];
    let firings = kinds.into_iter().flat_map(move |kind| {
        triggers
            .into_iter()
            .map(move |trigger| format!("{kind} {trigger:?}"))
    });
    let bases = ["PreviousClose", "Open", "LastAlert"];
    let others = ["touched", "held", "restart", "split", "left the range"];
    firings
        .chain(bases.into_iter().map(|base| format!("base {base}")))
        .chain(others.into_iter().map(str::to_owned))
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, inclusive.
    fn within(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low) + 1;
        low + (self.next() % span).cast_signed()
    }

    fn one_in(&mut self, count: i64) -> bool {
        self.within(1, count) == 1
    }

    fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.index(among.len())]
    }

    /// An index into a list.
    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.next() % length as u64).expect("less than the length")
    }
}

/// One event of the feed.
#[derive(Clone, Debug)]
struct Step {
    seq: i64,
    at: Timestamp,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Price {
        sample: Sample,
        evaluated: bool,
    },
    /// Creates or changes a rule: the state begins anew. The start is that of the step. The level
    /// is in the units of the newest price unless it is kept.
    Set {
        rule: Rule,
        keeps_level: bool,
    },
    /// Changes what does not begin the state anew.
    Settings {
        rule: i64,
        cooldown_seconds: u32,
        expires_at: Option<Timestamp>,
    },
    Enable(i64),
    Disable(i64),
    Remove(i64),
    /// Sets or removes the split of a day.
    Split {
        stock: i64,
        day: NaiveDate,
        ratio: Option<Ratio>,
    },
    Restart,
}

/// Makes a random history.
struct History {
    random: Random,
    steps: Vec<Step>,
    /// In seconds.
    clock: i64,
    /// How far the market is behind the clock, in seconds: a replay is far behind.
    behind: i64,
    today: usize,
    days: Vec<NaiveDate>,
    markets: Vec<Market>,
    /// Splits that become known later.
    late: Vec<(i64, NaiveDate, Option<Ratio>)>,
    rules: Vec<Rule>,
    next_rule: i64,
}

/// The prices of a symbol.
struct Market {
    stock: i64,
    /// New shares per share at the begin of the history.
    shares: Ratio,
    /// The price in shares at the begin of the history.
    price: i64,
    previous_close: Option<i64>,
    /// The open, high and low of the session.
    session: Option<(i64, i64, i64)>,
    volume: i64,
    sessions: u32,
    /// The split of the next day.
    next: Option<Ratio>,
}

impl Market {
    /// A price in today's shares.
    fn today(&self, price: i64) -> Decimal {
        let price = Decimal::from_units(price * 100_000_000);
        self.shares.divide(price).expect("a price within the range")
    }
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut day = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a date");
        let mut days = Vec::new();
        for _ in 0..12 {
            days.push(day);
            day = day + Days::new(random.pick(&[1, 1, 1, 3]));
        }
        let markets = (1..=random.within(1, 3))
            .map(|stock| Market {
                stock,
                shares: Ratio::ONE,
                price: random.within(97, 103),
                previous_close: None,
                session: None,
                volume: 500,
                sessions: 20,
                next: None,
            })
            .collect();
        let mut history = Self {
            random,
            steps: Vec::new(),
            clock: 0,
            behind: 0,
            today: 0,
            days,
            markets,
            late: Vec::new(),
            rules: Vec::new(),
            next_rule: 1,
        };
        history.behind = history.random.pick(&[0, 0, 0, 2 * DAY, 400 * DAY]);
        history.clock = history.open_of(0) - 600;
        for _ in 0..history.random.within(1, 8) {
            history.create();
        }
        history.clock += history.random.pick(&[0, 600, 600, 660]);
        for _ in 0..history.random.within(60, 200) {
            history.advance();
            if history.today + 1 == history.days.len() {
                break;
            }
        }
        history
    }

    fn open_of(&self, day: usize) -> i64 {
        let midnight = Timestamp::start_of(self.days[day]).micros() / 1_000_000;
        midnight + 14 * 3600 + 1800
    }

    fn next_seq(&self) -> i64 {
        i64::try_from(self.steps.len()).expect("a short history") + 1
    }

    fn push(&mut self, action: Action) {
        self.steps.push(Step {
            seq: self.next_seq(),
            at: seconds(self.clock),
            action,
        });
    }

    fn advance(&mut self) {
        let steps = [1, 5, 30, 60, 60, 150, 300, 300, 600, 900, 1800, 3600, 7200];
        if !self.random.one_in(6) {
            self.clock += self.random.pick(&steps);
        }
        if self.clock > self.open_of(self.today) + SESSION || self.random.one_in(15) {
            self.next_day();
        }
        while self.random.one_in(6) {
            self.change_something();
        }
        if !self.late.is_empty() && self.random.one_in(6) {
            let (stock, day, ratio) = self.late.remove(0);
            self.push(Action::Split { stock, day, ratio });
        }
        self.sample();
    }

    fn next_day(&mut self) {
        self.today += 1;
        let open = self.open_of(self.today);
        self.clock = self.clock.max(open - self.random.pick(&[0, 0, 60, 3600]));
        for index in 0..self.markets.len() {
            let market = &mut self.markets[index];
            if market.session.take().is_some() {
                market.previous_close = Some(self.random.pick(&[100, market.price]));
            }
            market.volume = 500;
            market.sessions = self.random.pick(&[5, 19, 20, 20]);
            if let Some(ratio) = market.next.take() {
                market.shares = market.shares.times(ratio);
            }
            if self.random.one_in(3) {
                let tomorrow = self.today + 1;
                self.plan_split(index, tomorrow);
            }
        }
        while self.random.one_in(4) {
            self.change_something();
        }
        self.clock = self.clock.max(open + self.random.pick(&[0, 0, 1, 300]));
    }

    /// Plans a split of the next day, which becomes known now or later, perhaps with a wrong ratio,
    /// or a split that never happens.
    fn plan_split(&mut self, index: usize, tomorrow: usize) {
        let (Some(day), stock) = (self.days.get(tomorrow).copied(), self.markets[index].stock)
        else {
            return;
        };
        let ratio = self.ratio();
        let wrong = self.ratio();
        match self.random.within(1, 7) {
            1..=2 => {
                self.markets[index].next = Some(ratio);
                self.push(Action::Split {
                    stock,
                    day,
                    ratio: Some(ratio),
                });
            }
            3..=4 => {
                self.markets[index].next = Some(ratio);
                self.late.push((stock, day, Some(ratio)));
            }
            5 => {
                self.markets[index].next = Some(ratio);
                self.push(Action::Split {
                    stock,
                    day,
                    ratio: Some(wrong),
                });
                self.late.push((stock, day, Some(ratio)));
            }
            6 => {
                self.markets[index].next = Some(ratio);
                self.late.push((stock, day, Some(wrong)));
                self.late.push((stock, day, Some(ratio)));
            }
            _ => {
                self.late.push((stock, day, Some(wrong)));
                self.late.push((stock, day, None));
            }
        }
    }

    fn ratio(&mut self) -> Ratio {
        // The last ones barely move the prices, so that levels are crossed by a split alone.
        let terms = [
            (2, 1),
            (3, 1),
            (3, 2),
            (1, 10),
            (1, 3),
            (101, 100),
            (98, 100),
        ];
        let (new, old) = self.random.pick(&terms);
        Ratio::new(new, old).expect("a positive ratio")
    }

    fn change_something(&mut self) {
        if self.rules.is_empty() || (self.rules.len() < 12 && self.random.one_in(4)) {
            self.create();
            return;
        }
        let index = self.random.index(self.rules.len());
        let old = self.rules[index].clone();
        match self.random.within(1, 9) {
            1..=2 => {
                let rule = self.rule(old.id, Some(&old));
                self.rules[index] = rule.clone();
                let keeps_level = self.random.one_in(2);
                self.push(Action::Set { rule, keeps_level });
            }
            3 => {
                let expires_at = self.expiry();
                let cooldown_seconds = self.cooldown();
                self.push(Action::Settings {
                    rule: old.id,
                    cooldown_seconds,
                    expires_at,
                });
            }
            4..=5 => self.push(Action::Enable(old.id)),
            6 => self.push(Action::Disable(old.id)),
            7 => {
                self.rules.remove(index);
                self.push(Action::Remove(old.id));
            }
            _ => self.push(Action::Restart),
        }
    }

    fn create(&mut self) {
        let rule = self.rule(self.next_rule, None);
        self.next_rule += 1;
        self.rules.push(rule.clone());
        self.push(Action::Set {
            rule,
            keeps_level: false,
        });
    }

    /// A random rule, of the kind and symbol of the old one.
    fn rule(&mut self, id: i64, old: Option<&Rule>) -> Rule {
        let index = match old.and_then(|old| old.stock) {
            Some(stock) => usize::try_from(stock).expect("a small id") - 1,
            None => self.random.index(self.markets.len()),
        };
        let level = self.level(index);
        let percent = self
            .random
            .pick(&["0.5", "1", "1", "2", "2", "3", "60", "150"]);
        let percent = decimal(percent);
        let basis = self.random.pick(&[Basis::Last, Basis::Range, Basis::Range]);
        let references = [
            ChangeBase::PreviousClose,
            ChangeBase::Open,
            ChangeBase::LastAlert,
            ChangeBase::LastAlert,
        ];
        let conditions = [
            Condition::Above { level, basis },
            Condition::Below { level, basis },
            Condition::CrossesAbove { level },
            Condition::CrossesBelow { level },
            Condition::PercentChange {
                percent,
                base: self.random.pick(&references),
            },
            Condition::ChangeInWindow {
                percent,
                window: Duration::from_secs(self.random.pick(&[300, 900, 3600, 14_400, 86_400])),
            },
            Condition::VolumeSpike {
                multiple: decimal(self.random.pick(&["1", "1.5", "2", "0.33333333"])),
            },
        ];
        let condition = match old {
            Some(old) => *conditions
                .iter()
                .find(|condition| condition.kind() == old.condition.kind())
                .expect("each kind"),
            None => self.random.pick(&conditions),
        };
        let for_one = match old {
            Some(old) => old.stock.is_some(),
            None => condition.level().is_some() || self.random.one_in(2),
        };
        let holds = match condition {
            Condition::Above { basis, .. } | Condition::Below { basis, .. } => basis == Basis::Last,
            Condition::PercentChange { .. } | Condition::ChangeInWindow { .. } => true,
            _ => false,
        };
        let spikes = matches!(condition, Condition::VolumeSpike { .. });
        let holding = [0, 0, 0, 0, 1, 60, 300, 900, 3600, 86_400];
        let margins = ["0", "0", "0", "1", "2", "33.33333333", "50", "50"];
        let triggers = [
            Trigger::Once,
            Trigger::EveryTime,
            Trigger::EveryTime,
            Trigger::OncePerDay,
        ];
        Rule {
            id,
            stock: for_one.then(|| self.markets[index].stock),
            condition,
            level_day: self.days[self.today],
            trigger: self.random.pick(&triggers),
            cooldown_seconds: self.cooldown(),
            hold_seconds: if holds { self.random.pick(&holding) } else { 0 },
            rearm_percent: decimal(if spikes {
                "0"
            } else {
                self.random.pick(&margins)
            }),
            enabled: !self.random.one_in(12),
            expires_at: self.expiry(),
            start: RuleStart {
                seq: 0,
                recorded_at: seconds(0),
            },
        }
    }

    /// A level near the price, rarely one that a split takes out of the range of prices.
    fn level(&mut self, index: usize) -> Decimal {
        match self.random.within(1, 20) {
            1 => Decimal::from_units(1),
            2 => Decimal::from_units(i64::MAX - 7),
            _ => {
                let level = self.random.within(95, 105);
                self.markets[index].today(level)
            }
        }
    }

    fn cooldown(&mut self) -> u32 {
        self.random
            .pick(&[0, 0, 0, 0, 1, 60, 300, 900, 3600, 86_400, 604_800])
    }

    fn expiry(&mut self) -> Option<Timestamp> {
        let after = self
            .random
            .pick(&[0, 0, 0, 0, 0, 0, 0, 60, 900, 3600, DAY, 2 * DAY]);
        (after > 0).then(|| seconds(self.clock + after))
    }

    fn sample(&mut self) {
        let seq = self.next_seq();
        let random = &mut self.random;
        let index = random.index(self.markets.len());
        let market = &mut self.markets[index];
        market.price = if random.one_in(8) {
            random.within(94, 106)
        } else {
            let price = market.price + random.pick(&[-2, -1, -1, 0, 0, 0, 1, 1, 2]);
            price.clamp(94, 106)
        };
        let price = market.price;
        let (open, mut high, mut low) =
            market
                .session
                .unwrap_or((random.pick(&[100, price]), price, price));
        (high, low) = (high.max(price), low.min(price));
        if random.one_in(6) {
            high += random.within(0, 3);
        }
        if random.one_in(6) {
            low -= random.within(0, 3);
        }
        market.session = Some((open, high, low));
        if random.one_in(40) {
            (high, low) = (price - 1, price + 1);
        }
        if random.one_in(3) {
            market.volume = random.pick(&[300, 500, 1000, 1000, 1500, 2000, 3000]);
        }
        if random.one_in(30) {
            market.previous_close = Some(price - 2);
        }
        let market = &self.markets[index];
        let price_of = |price: i64| market.today(price);
        let sessions = market.sessions;
        let sum = 1000 * i128::from(sessions);
        let late = if random.one_in(6) {
            random.pick(&[1, 60, 300, 900])
        } else {
            0
        };
        let sample = Sample {
            stock: market.stock,
            seq,
            recorded_at: seconds(self.clock),
            market_time: seconds(self.clock - self.behind - late),
            trading_day: self.days[self.today],
            session_open: seconds(self.open_of(self.today) - self.behind),
            price: price_of(price),
            previous_close: market
                .previous_close
                .filter(|_| !self.random.one_in(8))
                .map(price_of),
            open: (!self.random.one_in(8)).then(|| price_of(open)),
            high: (!self.random.one_in(6)).then(|| price_of(high)),
            low: (!self.random.one_in(6)).then(|| price_of(low)),
            volume: (!self.random.one_in(8)).then_some(market.volume),
            average_volume: (!self.random.one_in(5)).then_some(AverageVolume { sum, sessions }),
        };
        let evaluated = !self.random.one_in(15);
        self.push(Action::Price { sample, evaluated });
    }
}

/// What is persisted.
#[derive(Default)]
struct Store {
    rules: BTreeMap<i64, Rule>,
    states: HashMap<(i64, i64, Direction), State>,
    references: HashMap<(i64, i64), Reference>,
    /// The levels in today's units.
    levels: HashMap<i64, Decimal>,
    splits: BTreeMap<i64, BTreeMap<NaiveDate, Ratio>>,
}

impl Store {
    fn set_rule(&mut self, rule: Rule) {
        let anew = self
            .rules
            .get(&rule.id)
            .is_none_or(|old| old.start != rule.start);
        if anew {
            self.forget_state(rule.id);
        }
        self.rules.insert(rule.id, rule);
    }

    fn forget_state(&mut self, rule: i64) {
        self.states.retain(|(of, ..), _| *of != rule);
        self.references.retain(|(of, _), _| *of != rule);
    }

    fn splits_of(&self, stock: i64) -> Vec<Split> {
        self.splits
            .get(&stock)
            .into_iter()
            .flatten()
            .map(|(&effective_on, &ratio)| Split {
                effective_on,
                ratio,
            })
            .collect()
    }

    fn persist(&mut self, stock: i64, evaluation: &Evaluation) {
        for change in &evaluation.states {
            let key = (change.rule, stock, change.direction);
            self.states.insert(key, change.state);
        }
        for (rule, reference) in &evaluation.references {
            self.references.insert((*rule, stock), *reference);
        }
        for change in &evaluation.levels {
            match change.level {
                Some(level) => {
                    self.levels.insert(change.rule, level);
                }
                None => self.disable(change.rule),
            }
        }
        for firing in evaluation.firings.iter().filter(|firing| firing.disables) {
            self.disable(firing.rule);
        }
    }

    fn disable(&mut self, rule: i64) {
        if let Some(rule) = self.rules.get_mut(&rule) {
            rule.enabled = false;
        }
    }

    /// An index as a new process loads it.
    fn load(&self, naive: &NaiveRules) -> RuleIndex {
        let mut index = RuleIndex::default();
        for stock in 1..=3 {
            index.load_splits(stock, self.splits_of(stock));
            if let Some(newest) = naive.newest(stock) {
                index.observe(newest);
            }
        }
        for rule in self.rules.values() {
            index.set_rule(rule.clone());
        }
        for (&(rule, stock, direction), &state) in &self.states {
            index.load_state(rule, stock, direction, state);
        }
        for (&(rule, stock), &reference) in &self.references {
            index.load_reference(rule, stock, reference);
        }
        index
    }
}

/// Both evaluators and what was persisted.
#[derive(Default)]
struct Replay {
    naive: NaiveRules,
    index: RuleIndex,
    store: Store,
    counts: Counts,
}

/// Replays a history. Returns how often what happened.
///
/// # Errors
///
/// The evaluators differ.
fn replay(steps: &[Step], mut trace: Option<&mut String>) -> Result<Counts, String> {
    let mut replay = Replay::default();
    for step in steps {
        if let Some(trace) = trace.as_deref_mut() {
            writeln!(trace, "{}", describe(step)).expect("text");
        }
        let done = catch_unwind(AssertUnwindSafe(|| replay.step(step)));
        let firings = match done {
            Ok(done) => done?,
            Err(panic) => {
                let message = panic.downcast_ref::<String>().cloned();
                return Err(format!("panics: {}", message.unwrap_or_default()));
            }
        };
        if let Some(trace) = trace.as_deref_mut() {
            for firing in firings {
                writeln!(trace, "    both fire {}", describe_firing(&firing)).expect("text");
            }
        }
    }
    Ok(replay.counts)
}

impl Replay {
    fn count(&mut self, what: String) {
        *self.counts.entry(what).or_insert(0) += 1;
    }

    fn set_rule(&mut self, rule: Rule) {
        self.store.set_rule(rule.clone());
        self.naive.set_rule(rule.clone());
        self.index.set_rule(rule);
    }

    /// Changes a rule if it exists.
    fn change(&mut self, rule: i64, change: impl FnOnce(&mut Rule)) {
        if let Some(mut rule) = self.store.rules.get(&rule).cloned() {
            change(&mut rule);
            self.set_rule(rule);
        }
    }

    /// Whether the level of a rule never left the range of prices.
    fn is_in_range(&self, rule: &Rule) -> bool {
        rule.condition.level().is_none() || self.naive.level(rule.id).is_some()
    }

    /// The day in whose units a new level is.
    fn level_day(&self, rule: &Rule) -> NaiveDate {
        rule.stock
            .and_then(|stock| self.naive.newest(stock))
            .map_or(rule.level_day, |newest| newest.trading_day)
    }

    fn load_window(&mut self, stock: i64) {
        if self.index.needs_window(stock) {
            let prices = self
                .naive
                .history_of(stock)
                .iter()
                .map(|sample| (sample.market_time, sample.price, sample.trading_day));
            self.index.load_window(stock, prices);
        }
    }

    fn step(&mut self, step: &Step) -> Result<Vec<Firing>, String> {
        let start = RuleStart {
            seq: step.seq,
            recorded_at: step.at,
        };
        match &step.action {
            Action::Price { sample, evaluated } => return self.price(sample, *evaluated),
            Action::Set { rule, keeps_level } => {
                let mut rule = Rule {
                    start,
                    level_day: self.level_day(rule),
                    ..rule.clone()
                };
                let old = self.store.rules.get(&rule.id);
                let kept = old.filter(|old| *keeps_level && self.is_in_range(old));
                if let Some(old) = kept {
                    set_level(&mut rule.condition, old.condition.threshold());
                    rule.level_day = old.level_day;
                } else {
                    self.store.levels.remove(&rule.id);
                }
                self.set_rule(rule);
            }
            Action::Settings {
                rule,
                cooldown_seconds,
                expires_at,
            } => self.change(*rule, |rule| {
                rule.cooldown_seconds = *cooldown_seconds;
                rule.expires_at = *expires_at;
            }),
            Action::Enable(rule) => {
                // A level that left the range of prices must be set anew.
                let rule = self.store.rules.get(rule).cloned();
                if let Some(rule) = rule.filter(|rule| !rule.enabled && self.is_in_range(rule)) {
                    self.set_rule(Rule {
                        enabled: true,
                        start,
                        ..rule
                    });
                }
            }
            Action::Disable(rule) => self.change(*rule, |rule| rule.enabled = false),
            Action::Remove(rule) => {
                self.store.forget_state(*rule);
                self.store.rules.remove(rule);
                self.naive.remove_rule(*rule);
                self.index.remove_rule(*rule);
            }
            Action::Split { stock, day, ratio } => {
                let splits = self.store.splits.entry(*stock).or_default();
                match ratio {
                    Some(ratio) => splits.insert(*day, *ratio),
                    None => splits.remove(day),
                };
                let splits = self.store.splits_of(*stock);
                self.naive.set_splits(*stock, splits.clone());
                let evaluation = self.index.set_splits(*stock, splits);
                self.store.persist(*stock, &evaluation);
                self.load_window(*stock);
                if !evaluation.firings.is_empty() {
                    return Err(format!("a split fires {:?}", evaluation.firings));
                }
                self.count("split".to_owned());
                self.check_levels(*stock, &evaluation)?;
            }
            Action::Restart => {
                self.index = self.store.load(&self.naive);
                self.count("restart".to_owned());
            }
        }
        Ok(Vec::new())
    }

    fn price(&mut self, sample: &Sample, evaluated: bool) -> Result<Vec<Firing>, String> {
        if !evaluated {
            self.naive.observe(sample);
            let evaluation = self.index.observe(sample);
            self.store.persist(sample.stock, &evaluation);
            self.check_levels(sample.stock, &evaluation)?;
            return Ok(Vec::new());
        }
        self.load_window(sample.stock);
        let expected = self.naive.evaluate(sample);
        let evaluation = self.index.evaluate(sample);
        self.store.persist(sample.stock, &evaluation);
        if evaluation.firings != expected {
            let list = |firings: &[Firing]| {
                let mut list: Vec<_> = firings.iter().map(describe_firing).collect();
                if list.is_empty() {
                    list.push("nothing".to_owned());
                }
                list.join("\n    ")
            };
            return Err(format!(
                "expected:\n    {}\nfound:\n    {}",
                list(&expected),
                list(&evaluation.firings)
            ));
        }
        for firing in &expected {
            self.count_firing(firing);
        }
        self.check_levels(sample.stock, &evaluation)?;
        Ok(expected)
    }

    fn count_firing(&mut self, firing: &Firing) {
        let rule = self.store.rules[&firing.rule].clone();
        let kind = rule.condition.kind().name();
        self.count(format!("{kind} {:?}", rule.trigger));
        if let Condition::PercentChange { base, .. } = rule.condition {
            self.count(format!("base {base:?}"));
        }
        if firing.touched.is_some() {
            self.count("touched".to_owned());
        }
        if rule.hold_seconds > 0 {
            self.count("held".to_owned());
        }
    }

    /// Compares the persisted levels of a symbol.
    fn check_levels(&mut self, stock: i64, evaluation: &Evaluation) -> Result<(), String> {
        for _ in evaluation
            .levels
            .iter()
            .filter(|change| change.level.is_none())
        {
            self.count("left the range".to_owned());
        }
        for rule in self.store.rules.values() {
            if rule.stock != Some(stock) || rule.condition.level().is_none() {
                continue;
            }
            let level = self.store.levels.get(&rule.id).copied();
            let level = level.or(rule.condition.level());
            let expected = self.naive.level(rule.id);
            if expected.is_none() && rule.enabled {
                return Err(format!("rule {} is not disabled by the split", rule.id));
            }
            if expected.is_some() && expected != level {
                return Err(format!(
                    "the level of rule {} is {level:?}, expected {expected:?}",
                    rule.id
                ));
            }
        }
        Ok(())
    }
}

/// Leaves out what is not needed for the history to fail.
fn shorten(mut steps: Vec<Step>) -> Vec<Step> {
    let fails = |steps: &[Step]| replay(steps, None).is_err();
    loop {
        let before = format!("{steps:?}");
        let mut size = steps.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < steps.len() {
                let mut fewer = steps.clone();
                fewer.drain(at..steps.len().min(at + size));
                if fails(&fewer) {
                    steps = fewer;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
        for at in 0..steps.len() {
            for simpler in simpler(&steps[at]) {
                let old = std::mem::replace(&mut steps[at], simpler);
                if !fails(&steps) {
                    steps[at] = old;
                }
            }
        }
        if format!("{steps:?}") == before {
            return steps;
        }
    }
}

fn simpler(step: &Step) -> Vec<Step> {
    let with = |action| Step {
        action,
        ..step.clone()
    };
    match &step.action {
        Action::Price { sample, evaluated } => {
            let changes: [fn(&mut Sample); 7] = [
                |sample| sample.previous_close = None,
                |sample| sample.open = None,
                |sample| sample.high = None,
                |sample| sample.low = None,
                |sample| sample.volume = None,
                |sample| sample.average_volume = None,
                |sample| sample.market_time = sample.recorded_at,
            ];
            // The changes are applied one after another, so each step is simpler than the one
            // before, and each alone.
            let alone = changes.iter().map(|change| {
                let mut sample = sample.clone();
                change(&mut sample);
                sample
            });
            let mut all = sample.clone();
            for change in changes {
                change(&mut all);
            }
            alone
                .chain([all])
                .map(|sample| {
                    with(Action::Price {
                        sample,
                        evaluated: *evaluated,
                    })
                })
                .collect()
        }
        Action::Set { rule, keeps_level } => {
            let changes: [fn(&mut Rule); 4] = [
                |rule| rule.cooldown_seconds = 0,
                |rule| rule.hold_seconds = 0,
                |rule| rule.rearm_percent = Decimal::ZERO,
                |rule| rule.expires_at = None,
            ];
            changes
                .iter()
                .map(|change| {
                    let mut rule = rule.clone();
                    change(&mut rule);
                    with(Action::Set {
                        rule,
                        keeps_level: *keeps_level,
                    })
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

fn describe(step: &Step) -> String {
    let text = match &step.action {
        Action::Price { sample, evaluated } => {
            let mut text = format!(
                "stock {} of {}: {}",
                sample.stock, sample.trading_day, sample.price
            );
            let fields = [
                ("previous close", sample.previous_close),
                ("open", sample.open),
                ("high", sample.high),
                ("low", sample.low),
            ];
            for (name, value) in fields {
                if let Some(value) = value {
                    write!(text, ", {name} {value}").expect("text");
                }
            }
            if let Some(volume) = sample.volume {
                write!(text, ", volume {volume}").expect("text");
            }
            if let Some(AverageVolume { sum, sessions }) = sample.average_volume {
                write!(text, ", average volume {sum}/{sessions}").expect("text");
            }
            if sample.market_time != sample.recorded_at {
                write!(text, ", market time {}", sample.market_time).expect("text");
            }
            if !evaluated {
                text.push_str(", not evaluated");
            }
            text
        }
        Action::Set { rule, keeps_level } => {
            let mut text = format!("rule {}: {}", rule.id, describe_condition(&rule.condition));
            if *keeps_level {
                text.push_str(" but with the old threshold");
            }
            match rule.stock {
                Some(stock) => write!(text, ", stock {stock}"),
                None => write!(text, ", all stocks"),
            }
            .expect("text");
            write!(text, ", {:?}", rule.trigger).expect("text");
            let fields = [
                ("hold", rule.hold_seconds),
                ("cooldown", rule.cooldown_seconds),
            ];
            for (name, value) in fields {
                if value > 0 {
                    write!(text, ", {name} {value} s").expect("text");
                }
            }
            if rule.rearm_percent > Decimal::ZERO {
                write!(text, ", re-arm {} %", rule.rearm_percent).expect("text");
            }
            if let Some(expiry) = rule.expires_at {
                write!(text, ", expires {expiry}").expect("text");
            }
            if !rule.enabled {
                text.push_str(", disabled");
            }
            text
        }
        Action::Settings {
            rule,
            cooldown_seconds,
            expires_at,
        } => {
            let expiry = expires_at.map_or("never".to_owned(), |at| at.to_string());
            format!("rule {rule}: cooldown {cooldown_seconds} s, expires {expiry}")
        }
        Action::Enable(rule) => format!("enable rule {rule}"),
        Action::Disable(rule) => format!("disable rule {rule}"),
        Action::Remove(rule) => format!("remove rule {rule}"),
        Action::Split { stock, day, ratio } => match ratio {
            Some(ratio) => format!("split of stock {stock} on {day}: {ratio}"),
            None => format!("no split of stock {stock} on {day}"),
        },
        Action::Restart => "restart".to_owned(),
    };
    format!("{} {}  {text}", step.seq, step.at)
}

fn describe_condition(condition: &Condition) -> String {
    let text = format!("{} {}", condition.kind().name(), condition.threshold());
    match condition {
        Condition::Above { basis, .. } | Condition::Below { basis, .. } => {
            format!("{text} {basis:?}")
        }
        Condition::PercentChange { base, .. } => format!("{text} {base:?}"),
        Condition::ChangeInWindow { window, .. } => format!("{text} {window:?}"),
        _ => text,
    }
}

fn describe_firing(firing: &Firing) -> String {
    let mut text = format!(
        "rule {} {:?}, threshold {}",
        firing.rule, firing.direction, firing.threshold
    );
    let fields = [
        ("reference", firing.reference),
        ("change", firing.change_percent),
        ("touched", firing.touched),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            write!(text, ", {name} {value}").expect("text");
        }
    }
    if firing.disables {
        text.push_str(", disables");
    }
    text
}

fn set_level(condition: &mut Condition, threshold: Decimal) {
    match condition {
        Condition::Above { level, .. }
        | Condition::Below { level, .. }
        | Condition::CrossesAbove { level }
        | Condition::CrossesBelow { level } => *level = threshold,
        Condition::PercentChange { percent, .. } | Condition::ChangeInWindow { percent, .. } => {
            *percent = threshold;
        }
        Condition::VolumeSpike { multiple } => *multiple = threshold,
    }
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}
