//! The poll loop over scripted providers: schedule, budgets, failover and poll requests.

use std::{borrow::Cow, sync::Arc, time::Duration};

use entity::{CandleInterval, PollOutcome, ProviderState, Timestamp};
use market::PollingHours;
use sea_orm::ConnectionTrait;
use store::{
    candle::{CandleRange, newest},
    feed::{FeedTransaction, Topic},
};
use tracker::{provider::PollError, quote::Quote};

use crate::{
    fixture::{World, at, date, decimal, quote, symbol},
    script::Script,
};

const SECOND: Duration = Duration::from_secs(1);

async fn state(world: &World, provider: &str) -> Option<ProviderState> {
    world.provider(provider).await.map(|row| row.state)
}

testkit::on_both_databases! {
    async fn every_tracked_symbol_is_polled_at_once_and_then_every_interval(database) {
        let world = World::new(database, &["AAPL", "GOOG", "IBM", "MSFT", "ORCL", "SAP"]).await;
        let script = Script::new("live", world.clock.shared()).with_max_symbols(4).shared();
        let running = world.track(vec![script.clone()]);
        world.until("all are stored", async || world.prices().await.len() == 6).await;
        assert_eq!(script.calls().len(), 2, "two requests for six symbols");
        world.until_after(SECOND * 5, "all are polled again", async || script.polls_of("SAP") == 2).await;
        let (first, again) = (script.calls()[0].0, script.calls()[2].0);
        assert!(again.since(first) >= Duration::from_mins(5), "{first} {again}");
        assert!(again.since(first) < Duration::from_mins(6), "{first} {again}");
        running.stop().await;
    }

    async fn symbols_whose_polls_drifted_apart_share_requests_again(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let script = Script::new("live", world.clock.shared()).with_max_symbols(2).shared();
        let _running = world.track(vec![script.clone()]);
        world.until("both are stored", async || world.prices().await.len() == 2).await;
        world.clock.advance(SECOND * 20);
        assert_eq!(world.request("MSFT", false).await, (PollOutcome::Answered, None));
        assert_eq!(script.calls().len(), 2);
        let again = async || script.polls_of("AAPL") == 2;
        world.until_after(SECOND * 5, "the first is polled again", again).await;
        let both = ["AAPL", "MSFT"].map(symbol);
        assert_eq!(script.calls()[2].1, both);
    }

    async fn a_newly_tracked_stock_is_polled_at_once_and_an_untracked_one_is_not(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        let _running = world.track(vec![script.clone()]);
        world.until("both are stored", async || world.prices().await.len() == 2).await;
        let shown = |of: &str| format!("stock_tracker_current_price{{symbol=\"{of}\"}} 100");
        world.until("its price is shown", async || world.metrics.text().contains(&shown("MSFT"))).await;
        world.untrack("MSFT").await;
        world.add("IBM").await;
        world.until("it is polled", async || script.polls_of("IBM") == 1).await;
        world.until_after(SECOND * 30, "the others again", async || script.polls_of("AAPL") == 3).await;
        assert_eq!(script.polls_of("MSFT"), 1);
        let gone = async || !world.metrics.text().contains(&shown("MSFT"));
        world.until("its price is no longer shown", gone).await;
        assert!(world.metrics.text().contains(&shown("IBM")));
    }

    async fn outside_market_hours_stocks_are_polled_only_once_after_a_start(database) {
        let world = World::new(database, &["AAPL"]).await;
        world.clock.set(at("2026-11-21T17:00:00Z"));
        let script = Script::new("live", world.clock.shared()).shared();
        let running = world.track_at(PollingHours::Market, vec![script.clone()]);
        world.until("the start's poll", async || world.prices().await.len() == 1).await;
        let monday = at("2026-11-23T09:00:00Z");
        world.until_after(SECOND * 300, "Monday's poll", async || script.calls().len() == 2).await;
        let again = script.calls()[1].0;
        assert!(again >= monday && again.since(monday) < Duration::from_hours(1), "{again}");
        running.stop().await;
        // A restart soon after does not poll.
        let _running = world.track_at(PollingHours::Market, vec![script.clone()]);
        world.until("it runs", async || {
            world.provider("live").await.is_some_and(|row| row.updated_at == world.store.clock.now())
        }).await;
        assert_eq!(script.calls().len(), 2);
    }

    async fn each_market_is_polled_at_its_own_hours(database) {
        let world = World::new(database, &["7203.T", "AAPL", "BTC/USD"]).await;
        // Thursday, 22:00 in New York.
        world.clock.set(at("2026-11-20T03:00:00Z"));
        let script = Script::new("live", world.clock.shared()).shared();
        let _running = world.track_at(PollingHours::Market, vec![script.clone()]);
        world.until("the start's polls", async || world.prices().await.len() == 3).await;
        let night = async || script.polls_of("7203.T") >= 3 && script.polls_of("BTC/USD") >= 3;
        world.until_after(SECOND * 30, "the open markets", night).await;
        assert_eq!(script.polls_of("AAPL"), 1);
        // Saturday: Tokyo is closed too, except for the poll after its end.
        let (tokyo, bitcoin) = (script.polls_of("7203.T"), script.polls_of("BTC/USD"));
        world.clock.set(at("2026-11-21T03:00:00Z"));
        let last = async || script.polls_of("AAPL") >= 2 && script.polls_of("7203.T") > tokyo;
        world.until_after(SECOND * 30, "the polls after the end", last).await;
        let only = async || script.polls_of("BTC/USD") >= bitcoin + 4;
        world.until_after(SECOND * 30, "the market that never closes", only).await;
        assert_eq!((script.polls_of("AAPL"), script.polls_of("7203.T")), (2, tokyo + 1));
    }

    async fn shares_are_polled_on_trading_days_only_at_the_ends_of_calendars(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        let clock = world.clock.shared();
        script.answer(move |of| {
            let now = clock.now();
            Ok(Quote {
                market_time: Some(now),
                ..Quote::new(of.clone(), decimal("100"), market::trading_day(now))
            })
        });
        // From when to when, and the polling windows and the opens of the sessions in between.
        let spans: [(&str, &str, &[[&str; 3]]); 5] = [
            // Thanksgiving, and the early close on the day after it.
            ("2026-11-26T02:00:00Z", "2026-11-29T02:00:00Z", &[
                ["2026-11-27T09:00:00Z", "2026-11-28T01:00:00Z", "2026-11-27T14:30:00Z"],
            ]),
            // The early close before Christmas, and Christmas.
            ("2026-12-24T02:00:00Z", "2026-12-27T02:00:00Z", &[
                ["2026-12-24T09:00:00Z", "2026-12-25T01:00:00Z", "2026-12-24T14:30:00Z"],
            ]),
            // New Year.
            ("2026-12-31T02:00:00Z", "2027-01-03T02:00:00Z", &[
                ["2026-12-31T09:00:00Z", "2027-01-01T01:00:00Z", "2026-12-31T14:30:00Z"],
            ]),
            // Daylight saving time begins, and ends.
            ("2027-03-12T02:00:00Z", "2027-03-16T02:00:00Z", &[
                ["2027-03-12T09:00:00Z", "2027-03-13T01:00:00Z", "2027-03-12T14:30:00Z"],
                ["2027-03-15T08:00:00Z", "2027-03-16T00:00:00Z", "2027-03-15T13:30:00Z"],
            ]),
            ("2027-11-05T02:00:00Z", "2027-11-09T02:00:00Z", &[
                ["2027-11-05T08:00:00Z", "2027-11-06T00:00:00Z", "2027-11-05T13:30:00Z"],
                ["2027-11-08T09:00:00Z", "2027-11-09T01:00:00Z", "2027-11-08T14:30:00Z"],
            ]),
        ];
        for (from, to, windows) in spans {
            world.clock.set(at(from));
            let running = world.track_at(PollingHours::Market, vec![script.clone()]);
            let answered_at = async || world.stock("AAPL").await.and_then(|stock| stock.answered_at);
            world.until("the start's poll", async || answered_at().await == Some(at(from))).await;
            let begun = script.calls().len();
            let mut expected = Vec::new();
            while world.store.clock.now() < at(to) {
                world.clock.advance(Duration::from_hours(1));
                world.store.doorbell.ring(Topic::Feed);
                let now = world.store.clock.now();
                // A window, and the poll after its end.
                if windows.iter().any(|[start, end, _]| at(start) <= now && now <= at(end)) {
                    expected.push(now);
                    let answered = async || answered_at().await == Some(now);
                    world.until(&format!("the answer of {now}"), answered).await;
                }
            }
            running.stop().await;
            let polled: Vec<Timestamp> = script.calls()[begun..].iter().map(|it| it.0).collect();
            assert_eq!(polled, expected);
            let stock = world.stock("AAPL").await.expect("a stock").id;
            let range = CandleRange {
                interval: CandleInterval::OneDay,
                from: Some(at(from)),
                to: Some(at(to)),
                limit: 9,
            };
            let candles = newest(world.database.read(), &[stock], range).await.expect("candles");
            let mut opens: Vec<Timestamp> = candles[&stock].rows.iter().map(|it| it.start).collect();
            opens.sort();
            let sessions: Vec<Timestamp> = windows.iter().map(|[_, _, open]| at(open)).collect();
            assert_eq!(opens, sessions);
        }
    }

    async fn the_metric_counts_the_stocks_that_the_api_reports_as_stale(database) {
        let world = World::new(database, &["AAPL", "IBM", "TSCO.LON"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.answer(|of| Ok(match of.as_str() {
            "AAPL" => quote("AAPL", "100"),
            of => Quote { trading_day: date("2022-10-27"), ..quote(of, "100") },
        }));
        let _running = world.track(vec![script.clone()]);
        let counts = |count: usize| format!("\nstock_tracker_stale_symbols {count}\n");
        let counted = async |count| world.metrics.text().contains(&counts(count));
        world.until("all are priced", async || world.prices().await.len() == 3).await;
        world.until("the old one is stale", async || counted(1).await).await;
        let count = "UPDATE stocks SET unpriced_answers = 3 WHERE symbol = 'AAPL'";
        world.database.write().execute_unprepared(count).await.expect("write the row");
        world.until("the one without prices is stale too", async || counted(2).await).await;
    }

    async fn the_budget_of_a_minute_holds_in_any_sixty_seconds(database) {
        let symbols = ["A", "B", "C", "D", "E", "F", "G", "H"];
        let world = World::new(database, &symbols).await;
        let script = Script::new("live", world.clock.shared()).with_budget(Some(3), None).shared();
        let running = world.track(vec![script.clone()]);
        world.until_after(SECOND / 2, "all are polled", async || script.calls().len() >= 8).await;
        // The budget is in the database, so a restart does not begin a new minute.
        running.stop().await;
        let _running = world.track(vec![script.clone()]);
        let many = async || script.calls().len() >= 16;
        world.until_after(SECOND / 2, "all are polled again", many).await;
        let calls: Vec<_> = script.calls().into_iter().map(|(at, _)| at).collect();
        for window in calls.windows(4) {
            assert!(window[3].since(window[0]) >= Duration::from_mins(1), "{window:?}");
        }
    }

    async fn a_request_that_a_slow_database_delayed_counts_from_when_it_was_sent(database) {
        let world = World::new(database, &["A", "B", "C"]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(Some(1), None).shared();
        let _running = world.track(vec![script.clone()]);
        world.until("one is polled", async || world.prices().await.len() == 1).await;
        // No request can be reserved while this locks the provider's row.
        let holding = world.database.begin_write().await.expect("a transaction");
        let lock = "UPDATE providers SET name = name";
        holding.execute_unprepared(lock).await.expect("lock");
        world.clock.advance(SECOND * 62);
        for _ in 0..20 {
            tokio::time::sleep(SECOND / 10).await;
            world.clock.advance(SECOND / 2);
        }
        assert_eq!(script.calls().len(), 1);
        holding.rollback().await.expect("unlock");
        world.until("the next is polled", async || world.prices().await.len() == 2).await;
        world.until_after(SECOND / 2, "and the last", async || script.calls().len() == 3).await;
        let calls = script.calls();
        assert!(calls[2].0.since(calls[1].0) >= Duration::from_mins(1), "{calls:?}");
    }

    async fn an_exhausted_day_ends_at_midnight_and_its_reserve_serves_poll_requests(database) {
        let world = World::new(database, &["A", "B", "C", "D", "E"]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(None, Some(11)).shared();
        let running = world.track(vec![script.clone()]);
        world.until("all are stored", async || world.prices().await.len() == 5).await;
        let row = world.provider("live").await.expect("its row");
        // 86 400 s × 5 / (11 − 2).
        assert_eq!(row.effective_interval, Some(48_000_000_000));
        assert_eq!(row.day_resets_at, Some(at("2026-11-21T05:00:00Z")));
        running.stop().await;

        // Poll requests use most of the rest.
        for _ in 0..4 {
            assert_eq!(request_once(&world, &script).await, PollOutcome::Answered);
        }
        let left = world.provider("live").await.expect("its row").day_used;
        assert_eq!(left, 9);
        world.add("F").await;
        let running = world.track(vec![script.clone()]);
        world.clock.set(at("2026-11-21T04:59:00Z"));
        let exhausted = async || state(&world, "live").await == Some(ProviderState::BudgetSpent);
        world.until("the day is exhausted", exhausted).await;
        assert_eq!(script.calls().len(), 9, "scheduled polls do not use the reserve");
        for _ in 0..2 {
            assert_eq!(world.request("A", false).await, (PollOutcome::Answered, None));
        }
        let (outcome, retry_after) = world.request("A", false).await;
        assert_eq!((outcome, retry_after), (PollOutcome::RateLimited, Some(60)));
        assert_eq!(script.calls().len(), 11);
        assert_eq!(script.polls_of("F"), 0);
        world.clock.set(at("2026-11-21T05:00:00Z"));
        world.until("a new day", async || script.polls_of("F") == 1).await;
        world.until("its state is ok", async || state(&world, "live").await == Some(ProviderState::Ok)).await;
        running.stop().await;
    }

    async fn a_refused_symbol_fails_over_to_the_next_provider_but_an_unknown_one_does_not(database) {
        let world = World::new(database, &["AAPL", "GONE"]).await;
        let first = Script::new("first", world.clock.shared()).shared();
        let second = Script::new("second", world.clock.shared()).shared();
        first.answer(|of| match of.as_str() {
            "GONE" => Err(PollError::UnknownSymbol),
            _ => Err(PollError::NotEntitled),
        });
        let running = world.track(vec![first.clone(), second.clone()]);
        world.until("the second gave a price", async || world.prices().await.len() == 1).await;
        assert_eq!(world.prices().await[0].provider, "second");
        assert_eq!((first.polls_of("AAPL"), second.polls_of("GONE")), (1, 0));
        let stored = async || {
            (state(&world, "first").await, state(&world, "second").await)
                == (Some(ProviderState::Refused), Some(ProviderState::Ok))
        };
        world.until("their states are stored", stored).await;

        first.fail(PollError::Refused { reason: Cow::Borrowed("no such key") });
        second.answer(|of| Ok(quote(of.as_str(), "101")));
        world.until_after(SECOND * 600, "a day later", async || world.prices().await.len() >= 2).await;
        let refused = async || {
            (state(&world, "first").await, state(&world, "second").await)
                == (Some(ProviderState::Refused), Some(ProviderState::Ok))
        };
        world.until_after(SECOND * 600, "the first is refused", refused).await;
        running.stop().await;

        // A provider that is not configured has no rank.
        let _running = world.track(vec![second.clone()]);
        let alone = async || world.provider("second").await.is_some_and(|row| row.rank == Some(0));
        world.until("the second has the first rank", alone).await;
        assert_eq!(world.provider("first").await.and_then(|row| row.rank), None);
    }

    async fn a_failing_provider_is_replaced_by_the_next_until_it_recovers(database) {
        let world = World::new(database, &["AAPL"]).await;
        let first = Script::new("first", world.clock.shared()).shared();
        let second = Script::new("second", world.clock.shared()).shared();
        first.fail(PollError::Upstream { reason: Cow::Borrowed("503"), wait: None });
        second.answer(|of| Ok(quote(of.as_str(), "101")));
        let _running = world.track(vec![first.clone(), second.clone()]);
        world.until_after(SECOND / 2, "the second serves", async || world.price_texts().await == ["101"]).await;
        assert!(first.calls().len() >= 3, "{:?}", first.calls());
        let stored = async || {
            (state(&world, "first").await, state(&world, "second").await)
                == (Some(ProviderState::Failing), Some(ProviderState::Ok))
        };
        // On a slow machine the clock may have reached the next probe of the first provider.
        world.until_after(SECOND / 2, "their states are stored", stored).await;
        first.answer(|of| Ok(quote(of.as_str(), "102")));
        world.until_after(SECOND * 5, "the first serves", async || world.price_texts().await == ["101", "102"]).await;
        let stored = async || {
            (state(&world, "first").await, state(&world, "second").await)
                == (Some(ProviderState::Ok), Some(ProviderState::Standby))
        };
        world.until("their states are stored", stored).await;
    }

    async fn failures_back_off_are_shown_and_recover(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(PollError::Timeout);
        let _running = world.track(vec![script.clone()]);
        let failing = async || state(&world, "live").await == Some(ProviderState::Failing);
        world.until_after(SECOND / 2, "it is failing", failing).await;
        world.until_after(SECOND * 2, "some more", async || script.calls().len() >= 8).await;
        let gaps: Vec<Duration> = script
            .calls()
            .windows(2)
            .map(|pair| pair[1].0.since(pair[0].0))
            .collect();
        // One scheduled poll, and two retries soon after.
        for planned in gaps.chunks(3) {
            let retries = planned.iter().take(2);
            assert!(retries.clone().all(|gap| (SECOND..SECOND * 45).contains(gap)), "{gaps:?}");
            assert!(planned.get(2).is_none_or(|gap| *gap > SECOND * 200), "{gaps:?}");
        }
        script.answer(|of| Ok(quote(of.as_str(), "102.5")));
        world.until_after(SECOND, "it recovers", async || world.price_texts().await == ["102.5"]).await;
        world.until("its state is ok", async || state(&world, "live").await == Some(ProviderState::Ok)).await;
    }

    async fn the_wait_that_a_provider_asks_for_is_respected(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.fail(PollError::RateLimited { wait: Duration::from_secs(50) });
        let _running = world.track(vec![script.clone()]);
        let limited = async || state(&world, "live").await == Some(ProviderState::RateLimited);
        world.until("it is limited", limited).await;
        let (outcome, again) = world.request("AAPL", false).await;
        assert_eq!((outcome, again), (PollOutcome::RateLimited, Some(50)));
        world.until_after(SECOND, "it is polled again", async || script.calls().len() == 2).await;
        let calls = script.calls();
        assert!(calls[1].0.since(calls[0].0) >= Duration::from_secs(50), "{calls:?}");
    }

    async fn an_answer_is_stored_once_the_database_is_available_again(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.hold();
        let _running = world.track(vec![script.clone()]);
        world.until("the provider is polled", async || script.waiting() == 1).await;
        // Blocks all writers.
        let lock = FeedTransaction::begin(&world.store).await.expect("the feed lock");
        script.release();
        // Longer than the database timeout, so that the first attempt fails.
        tokio::time::sleep(Duration::from_secs(6)).await;
        drop(lock);
        world.until("it is stored", async || world.price_texts().await == ["100"]).await;
        assert_eq!(script.calls().len(), 1, "it is not polled twice");
    }

    async fn a_quote_of_a_future_day_is_rejected_and_hides_no_later_quote(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.answer(|of| {
            let trading_day = date("2036-11-20");
            Ok(Quote { trading_day, ..quote(of.as_str(), "500") })
        });
        let running = world.track(vec![script.clone()]);
        world.until("it is polled", async || script.polls_of("AAPL") > 0).await;
        assert_eq!(world.request("AAPL", false).await.0, PollOutcome::Failed);
        assert!(world.price_texts().await.is_empty());
        script.answer(|of| Ok(quote(of.as_str(), "106")));
        assert_eq!(world.request("AAPL", false).await.0, PollOutcome::Answered);
        assert_eq!(world.price_texts().await, ["106"]);
        running.stop().await;
    }

    async fn polls_in_flight_are_completed_at_shutdown(database) {
        let world = World::new(database, &["AAPL", "MSFT"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.hold();
        let running = world.track(vec![script.clone()]);
        world.until("both are in flight", async || script.waiting() == 2).await;
        let stopping = running.stop();
        let release = async {
            script.release();
        };
        tokio::join!(stopping, release);
        assert_eq!(world.price_texts().await, ["100", "100"]);
    }

    async fn a_requested_stock_is_tracked_together_with_its_first_price_or_not_at_all(database) {
        let world = World::new(database, &["AAPL"]).await;
        let script = Script::new("live", world.clock.shared()).shared();
        script.answer(|of| match of.as_str() {
            "NOPE" => Err(PollError::UnknownSymbol),
            "FAIL" => Err(PollError::Timeout),
            of => Ok(quote(of, "106")),
        });
        let _running = world.track(vec![script.clone()]);
        world.until("the tracked stock is polled", async || world.prices().await.len() == 1).await;
        assert_eq!(world.request("NOPE", true).await.0, PollOutcome::UnknownSymbol);
        assert_eq!(world.request("FAIL", true).await.0, PollOutcome::Failed);
        assert_eq!(world.stocks().await.len(), 1, "nothing is stored");
        assert_eq!(world.request("MSFT", true).await, (PollOutcome::Answered, None));
        let batch = world.feed().await.pop().expect("an entry");
        let kinds: Vec<&str> = batch
            .events
            .iter()
            .map(|event| match event {
                entity::Event::StockChanged { .. } => "stock",
                entity::Event::QuoteRecorded { .. } => "price",
                entity::Event::AlertFired { .. } => "alert",
                _ => "other",
            })
            .collect();
        assert_eq!(kinds, ["stock", "price", "alert"]);

        // A poll request polls once, regardless of the schedule.
        script.answer(|of| Ok(quote(of.as_str(), "107")));
        assert_eq!(world.request("MSFT", false).await, (PollOutcome::Answered, None));
        assert_eq!(script.polls_of("MSFT"), 2);
        assert_eq!(world.price_texts().await.last().map(String::as_str), Some("107"));
        assert_eq!(world.prices().await.last().map(|row| row.price), Some(decimal("107")));
    }
}

/// Runs a tracker for one poll request.
async fn request_once(world: &World, script: &Arc<Script>) -> PollOutcome {
    let running = world.track(vec![script.clone()]);
    let (outcome, _) = world.request("A", false).await;
    running.stop().await;
    outcome
}
