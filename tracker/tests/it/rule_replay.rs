//! Rules of users over several passes of a replay: each pass reverses the splits of the one before.

use std::{path::PathBuf, time::Duration};

use entity::{AlertKind, AlertRule, ChangeBase, ProviderState, Ratio, Trigger};
use runtime::config::{ReplaySettings, ReplaySpeed};
use store::{
    provider::{self, ProviderStatus},
    rule, split,
};
use tracker::{
    ingest::QuoteBatch,
    provider::{QuoteProvider, Replay},
};

use crate::{
    fixture::{World, date, decimal},
    rule::{create, fired, of_aapl},
};

/// A stock that is split 2:1 and then 3:1, and one that comes later and is split 1:10. In the
/// shares of the first day, AAPL is always at 120.
const TWO_SPLITS: &str = "\
Ticker,Date,Open,High,Low,Close,Volume,Adj Close
AAPL,2024-01-02,120,121,119,120,100,20
AAPL,2024-01-03,60,60.5,59.5,60,200,20
LATE,2024-01-03,51.23,51.23,51.23,51.23,100,512.3
AAPL,2024-01-04,20,20.1,19.9,20,600,20
LATE,2024-01-04,512.3,512.3,512.3,512.3,10,512.3
";

testkit::on_both_databases! {
    async fn levels_return_with_each_pass_of_a_replay_and_nothing_fires(database) {
        let world = World::new(database, &["AAPL", "LATE"]).await;
        let status = ProviderStatus {
            name: "replay", rank: 0, state: ProviderState::Ok, effective_interval: None, note: None, terms: None,
            per_second: None,
            per_minute: None,
            per_day: None,
        };
        provider::configure(&world.store, &[status]).await.expect("the provider's row");
        let name = format!("passes-{:?}.csv", world.database.kind());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, TWO_SPLITS).expect("a file");
        let settings = ReplaySettings { file: Some(file), from: None, speed: ReplaySpeed::Max, repeat: true };
        let replay = Replay::new(&settings).expect("a file");
        let symbols = ["AAPL", "LATE"].map(|text| text.parse().expect("a symbol"));
        let ingest = world.ingest();
        let mut rules = Vec::new();
        for day in 0..9 {
            world.clock.advance(Duration::from_hours(1));
            let poll = replay.poll(&symbols).await;
            let batch = QuoteBatch {
                provider: replay.name(),
                quotes: poll.answers.into_iter().filter_map(|(_, answer)| answer.ok()).collect(),
                position: poll.position,
                follows: poll.follows,
                ..QuoteBatch::default()
            };
            // Every other day is stored by a restarted tracker.
            let restarted = world.ingest();
            let ingest = if day % 2 == 0 { &ingest } else { &restarted };
            assert!(!ingest.ingest(batch).await.expect("stored").superseded);
            if day == 0 {
                for (kind, threshold) in [
                    (AlertKind::PriceAbove, "126"),
                    (AlertKind::PriceBelow, "114"),
                    (AlertKind::CrossesAbove, "126"),
                    (AlertKind::CrossesBelow, "114"),
                ] {
                    let level_day = Some(date("2024-01-02"));
                    let new = AlertRule { level_day, ..of_aapl(kind, threshold) };
                    rules.push((create(&world, new).await.id, threshold));
                }
                let window = AlertRule { window_seconds: Some(86_400), ..of_aapl(AlertKind::ChangeInWindow, "1") };
                create(&world, window).await;
                for base in [ChangeBase::PreviousClose, ChangeBase::Open, ChangeBase::LastAlert] {
                    let base = Some(base);
                    let change = AlertRule { base, trigger: Trigger::OncePerDay, ..of_aapl(AlertKind::PercentChange, "1") };
                    create(&world, change).await;
                }
            }
            let shares = ["1/1", "2/1", "6/1"][day % 3];
            for (id, level) in &rules {
                let stored = rule::by_ids(world.store.database.read(), &[*id]).await.expect("rules");
                let level = decimal(level);
                let ratio: Ratio = shares.parse().expect("a ratio");
                assert_eq!(Some(stored[0].threshold), ratio.divide(level), "day {day}");
                assert!(stored[0].enabled);
            }
        }
        assert_eq!(fired(&world).await, []);
        let recorded = split::all(world.store.database.read(), 1).await.expect("splits");
        let ratios: Vec<String> = recorded.iter().map(|split| split.ratio.to_string()).collect();
        assert_eq!(ratios, ["2/1", "3/1", "1/6", "2/1", "3/1", "1/6", "2/1", "3/1"]);
        // The first bar of a stock in a pass may be later than the first day.
        let late = split::all(world.store.database.read(), 2).await.expect("splits");
        let ratios: Vec<String> = late.iter().map(|split| split.ratio.to_string()).collect();
        assert_eq!(ratios, ["1/10", "10/1", "1/10", "10/1", "1/10"]);
    }
}
