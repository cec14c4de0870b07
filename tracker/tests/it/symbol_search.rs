//! Searches for symbols that clients request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use entity::{Symbol, SymbolMatch, Timestamp};
use runtime::clock::SharedClock;
use store::{poll_request::submit_search, symbol_search::SearchResult};
use tokio::sync::Semaphore;
use tracker::provider::{Pacing, Poll, PollError, QuoteProvider, SymbolList, SymbolSearch};

use crate::{
    fixture::{World, symbol},
    script::Script,
};

const SECOND: Duration = Duration::from_secs(1);

/// A provider that searches.
struct Searching {
    script: Arc<Script>,
    matches: Mutex<HashMap<String, Vec<SymbolMatch>>>,
    error: Mutex<Option<PollError>>,
    searches: Mutex<Vec<(Timestamp, String)>>,
    /// A search waits for a permit.
    permits: Semaphore,
    clock: SharedClock,
}

/// A provider whose list is loaded.
struct Listed(Arc<Script>);

fn found(text: &str) -> SymbolMatch {
    SymbolMatch {
        symbol: symbol(text),
        name: Some(format!("{text} Inc.")),
        kind: None,
        exchange: Some("NYSE".to_owned()),
        currency: Some("USD".to_owned()),
    }
}

impl Searching {
    fn new(world: &World, script: Script) -> Arc<Self> {
        Arc::new(Self {
            script: script.shared(),
            matches: Mutex::default(),
            error: Mutex::default(),
            searches: Mutex::default(),
            permits: Semaphore::new(1_000),
            clock: world.clock.shared(),
        })
    }

    fn find(&self, query: &str, symbols: &[&str]) {
        let matches = symbols.iter().map(|it| found(it)).collect();
        let mut all = self.matches.lock().expect("a lock");
        all.insert(query.to_owned(), matches);
    }

    fn fail(&self, error: Option<PollError>) {
        *self.error.lock().expect("a lock") = error;
    }

    fn searches(&self) -> Vec<(Timestamp, String)> {
        self.searches.lock().expect("a lock").clone()
    }
}

#[async_trait]
impl QuoteProvider for Searching {
    fn name(&self) -> &'static str {
        self.script.name()
    }

    fn pacing(&self) -> Pacing {
        self.script.pacing()
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.script.knows(symbol)
    }

    fn search(&self) -> Option<&dyn SymbolSearch> {
        Some(self)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        self.script.poll(symbols).await
    }
}

#[async_trait]
impl SymbolSearch for Searching {
    async fn search(&self, text: &str) -> Result<Vec<SymbolMatch>, PollError> {
        let search = (self.clock.now(), text.to_owned());
        self.searches.lock().expect("a lock").push(search);
        self.permits.acquire().await.expect("open").forget();
        if let Some(error) = self.error.lock().expect("a lock").clone() {
            return Err(error);
        }
        let matches = self.matches.lock().expect("a lock");
        Ok(matches.get(text).cloned().unwrap_or_default())
    }
}

#[async_trait]
impl QuoteProvider for Listed {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pacing(&self) -> Pacing {
        self.0.pacing()
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.0.knows(symbol)
    }

    fn list(&self) -> Option<&dyn SymbolList> {
        Some(self)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        self.0.poll(symbols).await
    }
}

#[async_trait]
impl SymbolList for Listed {
    fn parts(&self) -> usize {
        1
    }

    async fn load(&self, _part: usize) -> Result<(), PollError> {
        Ok(())
    }

    fn is_loaded(&self, _part: usize) -> bool {
        true
    }

    fn find(&self, text: &str) -> Vec<SymbolMatch> {
        (0..100).map(|at| found(&format!("{text}{at}"))).collect()
    }
}

/// Searches as `api` does. The clock stands still meanwhile.
async fn search(world: &World, query: &str) -> SearchResult {
    let result = submit_search(&world.store, query).await;
    result.expect("submitted").expect("a result in time")
}

fn symbols(result: &SearchResult) -> Vec<&str> {
    let symbols = result.matches.iter().map(|it| it.symbol.as_str());
    symbols.collect()
}

/// The skipped providers with the reasons.
fn skipped(result: &SearchResult) -> Vec<(&str, &str)> {
    let skipped = result.skipped.iter();
    skipped
        .map(|it| (it.provider.as_deref().expect("a name"), it.reason.as_str()))
        .collect()
}

testkit::on_both_databases! {
    async fn the_matches_of_all_providers_are_merged_by_their_rank(database) {
        let world = World::new(database, &[]).await;
        let clock = world.clock.shared();
        let first = Searching::new(&world, Script::new("first", clock.clone()));
        let second = Searching::new(&world, Script::new("second", clock.clone()));
        let other = Script::new("other", clock.clone()).shared();
        first.find("apple", &["AAPL", "APLE", "APRU"]);
        second.find("apple", &["AAPL", "APC.DE"]);
        let _running = world.track(vec![first.clone(), other, second.clone()]);
        let result = search(&world, "apple").await;
        assert_eq!(symbols(&result), ["AAPL", "APLE", "APC.DE", "APRU"]);
        assert_eq!(result.matches[0], found("AAPL"));
        assert_eq!(skipped(&result), []);
        assert_eq!(symbols(&search(&world, "nothing").await), [""; 0]);
        first.fail(Some(PollError::Refused { reason: "the key is invalid".into() }));
        second.find("app", &["APP"]);
        let result = search(&world, "app").await;
        assert_eq!(symbols(&result), ["APP"]);
        assert_eq!(skipped(&result), [("first", "refused: the key is invalid")]);
        // It accepts no more requests for an hour.
        let result = search(&world, "apps").await;
        assert_eq!(skipped(&result), [("first", "it accepts no requests at the moment")]);
        assert_eq!(first.searches().len(), 3);
    }

    async fn a_list_is_searched_without_a_request_and_at_most_50_symbols_are_returned(database) {
        let world = World::new(database, &[]).await;
        let clock = world.clock.shared();
        let listed = Arc::new(Listed(Script::new("listed", clock.clone()).shared()));
        let searching = Searching::new(&world, Script::new("searching", clock));
        searching.find("b", &["B"]);
        let _running = world.track(vec![listed, searching]);
        let result = search(&world, "b").await;
        assert_eq!(result.matches.len(), 50);
        assert_eq!(symbols(&result)[..3], ["B0", "B", "B1"]);
    }

    async fn the_matches_of_a_search_are_used_for_a_day_also_after_a_restart(database) {
        let world = World::new(database, &[]).await;
        let script = Script::new("live", world.clock.shared()).with_budget(Some(60), None);
        let searching = Searching::new(&world, script);
        searching.find("ibm", &["IBM"]);
        let running = world.track(vec![searching.clone()]);
        assert_eq!(symbols(&search(&world, "ibm").await), ["IBM"]);
        let call = "stock_tracker_api_calls_total{endpoint=\"search\",outcome=\"ok\",provider=\"live\"} 1";
        assert!(world.metrics.text().contains(call), "{}", world.metrics.text());
        searching.find("ibm", &["IBM", "IBMX"]);
        running.stop().await;
        let _running = world.track(vec![searching.clone()]);
        for hours in [1, 22] {
            world.clock.advance(Duration::from_hours(hours));
            assert_eq!(symbols(&search(&world, "ibm").await), ["IBM"]);
        }
        assert_eq!(searching.searches().len(), 1);
        world.clock.advance(Duration::from_hours(1));
        assert_eq!(symbols(&search(&world, "ibm").await), ["IBM", "IBMX"]);
        assert_eq!(searching.searches().len(), 2);
    }

    async fn equal_searches_at_the_same_time_share_a_request(database) {
        let world = World::new(database, &[]).await;
        let searching = Searching::new(&world, Script::new("live", world.clock.shared()));
        searching.find("ibm", &["IBM"]);
        searching.permits.acquire_many(1_000).await.expect("open").forget();
        let _running = world.track(vec![searching.clone()]);
        let released = async {
            world.until("it is sent", async || !searching.searches().is_empty()).await;
            searching.permits.add_permits(1);
        };
        let (one, other, ()) = tokio::join!(search(&world, "ibm"), search(&world, "ibm"), released);
        assert_eq!(one, other);
        assert_eq!(symbols(&one), ["IBM"]);
        assert_eq!(searching.searches().len(), 1);
    }

    async fn a_slow_provider_is_skipped_and_its_matches_are_used_later(database) {
        let world = World::new(database, &[]).await;
        let clock = world.clock.shared();
        let slow = Searching::new(&world, Script::new("slow", clock.clone()));
        let fast = Searching::new(&world, Script::new("fast", clock));
        slow.find("ibm", &["IBM"]);
        fast.find("ibm", &["IBMX"]);
        slow.permits.acquire_many(1_000).await.expect("open").forget();
        let _running = world.track(vec![slow.clone(), fast.clone()]);
        let result = search(&world, "ibm").await;
        assert_eq!(symbols(&result), ["IBMX"]);
        assert_eq!(skipped(&result), [("slow", "it did not answer in time")]);
        slow.permits.add_permits(1);
        world.until("both are found", async || symbols(&search(&world, "ibm").await).len() == 2).await;
        assert_eq!((slow.searches().len(), fast.searches().len()), (1, 1));
    }

    async fn at_most_five_searches_a_minute_are_sent_to_a_provider_also_after_a_restart(database) {
        let world = World::new(database, &[]).await;
        let searching = Searching::new(&world, Script::new("live", world.clock.shared()));
        let running = world.track(vec![searching.clone()]);
        for query in ["a", "b", "c"] {
            assert_eq!(skipped(&search(&world, query).await), []);
        }
        // A failed one counts.
        searching.fail(Some(PollError::Timeout));
        assert_eq!(skipped(&search(&world, "d").await), [("live", "request timed out")]);
        searching.fail(None);
        running.stop().await;
        let _running = world.track(vec![searching.clone()]);
        assert_eq!(skipped(&search(&world, "d").await), []);
        let limited = [("live", "at most 5 searches a minute are sent to it")];
        assert_eq!(skipped(&search(&world, "e").await), limited);
        world.clock.advance(SECOND * 59);
        assert_eq!(skipped(&search(&world, "e").await), limited);
        assert_eq!(skipped(&search(&world, "a").await), [], "it is cached");
        world.clock.advance(SECOND);
        assert_eq!(skipped(&search(&world, "e").await), []);
        assert_eq!(searching.searches().len(), 6);
    }

    async fn searches_take_at_most_half_of_the_reserve_and_nothing_from_polls(database) {
        let world = World::new(database, &["IBM"]).await;
        // 3 of 25 requests are reserved.
        let script = Script::new("live", world.clock.shared()).with_budget(Some(5), Some(25));
        let searching = Searching::new(&world, script);
        let _running = world.track(vec![searching.clone()]);
        world.until("a poll", async || world.prices().await.len() == 1).await;
        for query in ["a", "b"] {
            world.clock.advance(SECOND * 2);
            assert_eq!(skipped(&search(&world, query).await), []);
        }
        world.clock.advance(SECOND * 2);
        let spent = "the requests of the day that are reserved for searches are used up";
        assert_eq!(skipped(&search(&world, "c").await), [("live", spent)]);
        let row = world.provider("live").await.expect("a row");
        assert_eq!((row.day_used, row.day_retries), (3, 2));
        let begun = world.store.clock.now();
        let next_day = async || searching.script.calls().len() > 22;
        world.until_after(SECOND * 120, "the polls of the next day", next_day).await;
        let midnight: Timestamp = "2026-11-21T05:00:00Z".parse().expect("an instant");
        let calls = searching.script.calls();
        let today = calls.iter().filter(|(at, _)| *at < midnight).count();
        let planned = midnight.since(begun).as_secs() * 22 / Duration::from_hours(24).as_secs();
        assert!(today as u64 >= planned, "{today} of {planned}");
        world.clock.advance(SECOND * 2);
        assert_eq!(skipped(&search(&world, "c").await), []);
    }
}
