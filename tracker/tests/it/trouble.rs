//! The state, the note and the log of a provider that has problems.

use std::{borrow::Cow, sync::Arc, time::Duration};

use entity::{PollOutcome, ProviderState};
use market::PollingHours;
use tracker::provider::PollError;

use crate::{
    fixture::{World, at, quote},
    script::Script,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// The state and the note of a provider.
type Status = (ProviderState, Option<String>);

async fn status(world: &World, provider: &str) -> Option<Status> {
    let row = world.provider(provider).await?;
    Some((row.state, row.note))
}

fn with_note(state: ProviderState, note: &str) -> Status {
    (state, Some(note.to_owned()))
}

/// The times between the polls of a provider, beginning with poll `from`.
fn gaps(script: &Script, from: usize) -> Vec<Duration> {
    let calls = &script.calls()[from..];
    let gap = |pair: &[(entity::Timestamp, _)]| pair[1].0.since(pair[0].0);
    calls.windows(2).map(gap).collect()
}

fn live(world: &World) -> Arc<Script> {
    Script::new("live", world.clock.shared()).shared()
}

testkit::on_both_databases! {
    async fn a_plan_without_quotes_is_shown_skipped_and_tried_again_every_hour(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let first = Script::new("first", world.clock.shared()).shared();
        let second = Script::new("second", world.clock.shared()).shared();
        first.fail(PollError::NotEntitled);
        let _running = world.track(vec![first.clone(), second.clone()]);
        let refused = with_note(ProviderState::Refused, "the plan does not include quotes");
        world.until("its status is stored", async || status(&world, "first").await == Some(refused.clone())).await;
        let serves = Some((ProviderState::Ok, None));
        world.until("the second serves", async || status(&world, "second").await == serves).await;
        world.until("both are stored", async || world.prices().await.len() == 2).await;
        world.until_after(MINUTE, "it is tried", async || first.calls().len() == 4).await;
        assert!(gaps(&first, 1).iter().all(|gap| *gap >= HOUR && *gap < HOUR * 2), "{:?}", first.calls());
        assert!(second.calls().len() > 30, "the second serves meanwhile");
        assert_eq!(status(&world, "first").await, Some(refused));
        let warned = world.journal.lines(&["WARN", "first", "the plan does not include quotes"]);
        assert_eq!(warned.len(), 1, "{warned:?}");

        first.answer(|of| Ok(quote(of.as_str(), "102")));
        let recovered = Some((ProviderState::Ok, None));
        world.until_after(MINUTE, "it recovers", async || status(&world, "first").await == recovered).await;
        let both = async || {
            let prices = world.prices().await;
            prices.iter().filter(|row| row.provider == "first").count() == 2
        };
        world.until_after(MINUTE, "it serves both", both).await;
    }

    async fn a_plan_that_lacks_one_symbol_still_serves_the_others(database) {
        let world = World::new(database, &["AAPL", "LON"]).await;
        let first = Script::new("first", world.clock.shared()).shared();
        let second = Script::new("second", world.clock.shared()).shared();
        first.answer(|of| match of.as_str() {
            "LON" => Err(PollError::NotEntitled),
            of => Ok(quote(of, "100")),
        });
        let _running = world.track(vec![first.clone(), second.clone()]);
        world.until_after(SECOND * 30, "an hour passes", async || first.polls_of("LON") == 2).await;
        assert_eq!(second.polls_of("AAPL"), 0);
        assert_eq!(status(&world, "first").await, Some((ProviderState::Ok, None)));
    }

    async fn a_refused_key_is_shown_with_its_setting_and_tried_again_every_hour(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = live(&world);
        script.fail(PollError::Refused { reason: Cow::Borrowed("HTTP 403") });
        let _running = world.track(vec![script.clone()]);
        let refused = with_note(ProviderState::Refused, "the key is refused (SCRIPT_API_KEY): HTTP 403");
        world.until("its status is stored", async || status(&world, "live").await == Some(refused.clone())).await;
        assert_eq!(world.request("AAPL", false).await, (PollOutcome::Failed, Some(3_600)));
        assert_eq!(script.calls().len(), 1, "a poll request does not use it either");
        world.until_after(MINUTE, "it is tried", async || script.calls().len() == 3).await;
        assert!(gaps(&script, 0).iter().all(|gap| *gap >= HOUR), "{:?}", script.calls());
        let warned = world.journal.lines(&["WARN", "the key is refused (SCRIPT_API_KEY)"]);
        assert_eq!(warned.len(), 1, "{warned:?}");
        script.answer(|of| Ok(quote(of.as_str(), "102")));
        let recovered = Some((ProviderState::Ok, None));
        world.until_after(MINUTE, "it recovers", async || status(&world, "live").await == recovered).await;
    }

    async fn three_consecutive_timeouts_are_failing_whatever_the_symbols(database) {
        let world = World::new(database, &["AAPL", "IBM", "MSFT"]).await;
        let script = live(&world);
        script.fail(PollError::Timeout);
        // The clock stands still, so each symbol is polled once.
        let _running = world.track(vec![script.clone()]);
        let failing = with_note(ProviderState::Failing, "request timed out");
        world.until("its status is stored", async || status(&world, "live").await == Some(failing.clone())).await;
        assert_eq!(script.calls().len(), 3);
    }

    async fn an_extended_interval_is_logged_with_its_budget_and_when_it_changes(database) {
        let world = World::new(database, &["AAPL", "GOOG", "IBM", "MSFT"]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(Some(5), Some(25)).shared();
        let _running = world.track_at(PollingHours::Market, vec![script]);
        let note = "polled every 2h 54m 33s to stay within 25 requests a day";
        let stretched = with_note(ProviderState::Ok, note);
        world.until("its status is stored", async || status(&world, "live").await == Some(stretched.clone())).await;
        let lines = |effective: &str| {
            let words = ["INFO", "provider=live", "update_interval=5m", "budget=25 requests a day", effective];
            world.journal.lines(&words).len()
        };
        assert_eq!(lines("effective=2h 54m 33s"), 1);
        world.add("ORCL").await;
        world.until("the change is logged", async || lines("effective=3h 38m 11s") == 1).await;
        let written = world.provider("live").await.map(|row| row.updated_at);
        world.until_after(SECOND, "another heartbeat", async || {
            world.provider("live").await.map(|row| row.updated_at) > written
        }).await;
        assert_eq!(lines("effective="), 2, "nothing is logged twice");
    }

    async fn a_reserve_that_is_left_is_shown_as_reserved_for_clients(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(None, Some(2)).shared();
        let _running = world.track(vec![script.clone()]);
        let kept = "the remaining requests of the day are reserved for clients";
        let kept = with_note(ProviderState::BudgetSpent, kept);
        world.until("its status is stored", async || status(&world, "live").await == Some(kept.clone())).await;
        assert_eq!(script.calls().len(), 1);
        assert_eq!(world.request("MSFT", false).await.0, PollOutcome::Answered);
        let exhausted = with_note(ProviderState::BudgetSpent, "the requests of the day are used up");
        world.until("the new status is stored", async || status(&world, "live").await == Some(exhausted.clone())).await;
    }

    async fn a_day_that_the_provider_reports_as_exhausted_is_shown_until_its_midnight(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(Some(5), Some(25)).shared();
        script.fail(PollError::BudgetSpent);
        let _running = world.track(vec![script.clone()]);
        let shows = async |window: &str, left: u32| {
            let name = "stock_tracker_provider_budget_left";
            let line = format!("{name}{{provider=\"live\",window=\"{window}\"}} {left}");
            let shown = async || world.metrics.text().lines().any(|shown| shown == line);
            world.until(&line, shown).await;
        };
        shows("day", 0).await;
        shows("minute", 4).await;
        // Without further requests the minute ends, and then the day.
        world.clock.advance(2 * MINUTE);
        shows("minute", 5).await;
        shows("day", 0).await;
        assert_eq!(script.calls().len(), 1);
        script.answer(|of| Ok(quote(of.as_str(), "107")));
        world.clock.set(at("2026-11-21T05:00:00Z"));
        shows("day", 24).await;
    }
}
