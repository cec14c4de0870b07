//! The bundled closes with random rules: live evaluation through the ingest, the naive evaluator
//! and dry runs agree.

use std::time::Duration;

use entity::{Decimal, ProviderState};
use runtime::config::{ReplaySettings, ReplaySpeed};
use store::{
    provider::{self, ProviderStatus},
    rule,
};
use testkit::{SeededRandom, TestDatabase};
use tracker::{
    ingest::QuoteBatch,
    provider::{QuoteProvider, Replay},
    quote::Quote,
};

use super::{
    comparison::{check_alerts, check_dry_run, check_rules},
    random_rule,
    trial::{Trial, service},
};

const SYMBOLS: [&str; 5] = ["AAPL", "FB", "GOOG", "IBM", "MSFT"];
/// The number of rules that are created at once.
const RULES: usize = 16;
/// After how many days rules are created again.
const DAYS: usize = 250;
const SEED: u64 = 3;

/// Draws rules with levels around the newest closes.
async fn create(trial: &mut Trial, random: &mut SeededRandom, quotes: &[Quote]) {
    let now = trial.store.clock.now();
    let mut new = Vec::new();
    for _ in 0..RULES {
        let stock = random.choose(&[0, 1, 2, 3, 4]);
        let symbol = trial.stocks[stock].symbol.clone();
        let quote = quotes.iter().find(|quote| quote.symbol == symbol);
        let price = quote.map_or(Decimal::from_int(30), |quote| quote.price);
        let percent = random.choose(&[70, 90, 95, 99, 101, 105, 110, 130]);
        let level = price.checked_ratio(percent, 100).expect("a price");
        let mut rule = random_rule::rule(random, &symbol, level);
        rule.expires_at = random_rule::expiry(random, now);
        new.push(rule);
    }
    trial.create(new).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bundled_closes_fire_like_the_naive_evaluator_and_the_dry_run() {
    let settings = ReplaySettings {
        file: None,
        from: Some("2000-03-01".parse().expect("a date")),
        speed: ReplaySpeed::Max,
        repeat: false,
    };
    let replay = Replay::new(&settings).expect("the bundled closes");
    let now = "2026-11-20T17:00:00Z".parse().expect("an instant");
    let mut trial = Trial::new(TestDatabase::sqlite().await, &SYMBOLS, now).await;
    // The position is stored in the provider's row.
    let status = ProviderStatus {
        name: replay.name(),
        rank: 0,
        state: ProviderState::Ok,
        effective_interval: None,
        note: None,
        terms: None,
        per_second: None,
        per_minute: None,
        per_day: None,
    };
    let configured = provider::configure(&trial.store, &[status]).await;
    configured.expect("the provider's row");
    let symbols: Vec<_> = trial.stocks.iter().map(|it| it.symbol.clone()).collect();
    let mut random = SeededRandom::new(SEED);
    let (mut day, mut closes) = (0, 0);
    while !replay.is_finished() {
        let poll = replay.poll(&symbols).await;
        let answers = poll.answers.into_iter();
        let quotes: Vec<Quote> = answers.filter_map(|(_, answer)| answer.ok()).collect();
        let batch = QuoteBatch {
            provider: replay.name(),
            quotes: quotes.clone(),
            position: poll.position,
            follows: poll.follows,
            ..QuoteBatch::default()
        };
        let step = random.choose(&[1, 60, 300, 3_600, 86_400]);
        trial.clock.advance(Duration::from_secs(step));
        closes += trial.ingest(batch, false).await.prices;
        if day % DAYS == 0 {
            create(&mut trial, &mut random, &quotes).await;
        }
        day += 1;
    }
    let alerts = check_alerts(&trial).await;
    let rules = rule::list(trial.store.database.read(), None).await;
    let mut rules = rules.expect("rules");
    rules.retain(|rule| !rule.is_default);
    check_rules(&trial, &rules);
    let service = service(&trial.store).await;
    let mut firings = 0;
    // A rule that was created disabled never fires.
    let judged = |id: i64| trial.naive.is_enabled(id) || trial.has_fired(id);
    for rule in rules.iter().filter(|rule| judged(rule.id)) {
        firings += check_dry_run(&trial, &service, rule).await;
    }
    println!(
        "{closes} closes, {} rules, {alerts} alerts, {firings} firings",
        rules.len()
    );
    assert!(closes > 12_000 && alerts > 5_000, "{closes}, {alerts}");
    assert!(firings + 1_000 * rules.len() > alerts);
}
