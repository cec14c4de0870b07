//! Which provider is polled for a symbol, and when lists of symbols are loaded.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use entity::{AlertKind, AlertRule, PollOutcome, ProviderState, Symbol, SymbolMatch, Timestamp};
use runtime::clock::SharedClock;
use sea_orm::ConnectionTrait;
use store::{priority, stock};
use tracker::provider::{Pacing, Poll, PollCost, PollError, QuoteProvider, SymbolList};

use crate::{
    fixture::{World, quote, symbol},
    rule::{create, of_aapl},
    script::Script,
    simulated::simulated,
};

const SECOND: Duration = Duration::from_secs(1);

async fn state(world: &World, provider: &str) -> Option<ProviderState> {
    world.provider(provider).await.map(|row| row.state)
}

/// The provider of the newest price of a symbol.
async fn provider_of(world: &World, of: &str) -> Option<String> {
    let stock = world.stock(of).await?;
    let mut prices = world.prices().await;
    prices.retain(|row| row.stock_id == stock.id);
    prices.pop().map(|row| row.provider)
}

/// Polls one symbol a minute. Returns the order of the first polls, with each tracked symbol.
async fn polled(world: &World) -> Vec<String> {
    let script = Script::new("live", world.clock.shared())
        .with_budget(Some(1), None)
        .shared();
    let running = world.track(vec![script.clone()]);
    // Which symbol is polled first depends on the time.
    let begun = async || !script.calls().is_empty();
    world.until("the first is polled", begun).await;
    let all = async || world.prices().await.len() == world.stocks().await.len();
    let what = "each is polled";
    world.until_after(SECOND * 2, what, all).await;
    running.stop().await;
    let polled = script.calls().into_iter().flat_map(|(_, symbols)| symbols);
    polled.map(|symbol| symbol.to_string()).collect()
}

/// A provider that decides by its list which symbols it serves: two parts with one pair each.
struct Listing {
    script: Arc<Script>,
    loaded: Mutex<[bool; 2]>,
    fails: AtomicBool,
    loads: Mutex<Vec<(Timestamp, usize)>>,
    clock: SharedClock,
}

const LISTED: [&str; 2] = ["BTC/USD", "AAPLX/USD"];

impl Listing {
    fn new(world: &World, script: Script) -> Arc<Self> {
        Arc::new(Self {
            script: script.shared(),
            loaded: Mutex::default(),
            fails: AtomicBool::new(false),
            loads: Mutex::default(),
            clock: world.clock.shared(),
        })
    }

    fn loads(&self) -> Vec<(Timestamp, usize)> {
        self.loads.lock().expect("a lock").clone()
    }

    fn drop_list(&self) {
        *self.loaded.lock().expect("a lock") = [false; 2];
    }
}

#[async_trait]
impl QuoteProvider for Listing {
    fn name(&self) -> &'static str {
        self.script.name()
    }

    fn pacing(&self) -> Pacing {
        self.script.pacing()
    }

    fn knows(&self, of: &Symbol) -> Option<bool> {
        let loaded = *self.loaded.lock().expect("a lock");
        let mut listed = LISTED.iter().zip(loaded);
        let is_listed = listed.any(|(it, loaded)| loaded && symbol(it) == *of);
        (is_listed || loaded == [true; 2]).then_some(is_listed)
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        self.script.poll(symbols).await
    }

    fn list(&self) -> Option<&dyn SymbolList> {
        Some(self)
    }
}

#[async_trait]
impl SymbolList for Listing {
    fn parts(&self) -> usize {
        2
    }

    async fn load(&self, part: usize) -> Result<(), PollError> {
        self.loads
            .lock()
            .expect("a lock")
            .push((self.clock.now(), part));
        if self.fails.load(Ordering::SeqCst) {
            return Err(PollError::Timeout);
        }
        self.loaded.lock().expect("a lock")[part] = true;
        Ok(())
    }

    fn is_loaded(&self, part: usize) -> bool {
        self.loaded.lock().expect("a lock")[part]
    }

    fn find(&self, _text: &str) -> Vec<SymbolMatch> {
        Vec::new()
    }
}

testkit::on_both_databases! {
    async fn each_symbol_is_polled_from_the_first_provider_that_serves_it(database) {
        let world = World::new(database, &["AAPL", "BTC/USD", "ETH/USD", "7203.T"]).await;
        let pairs = Script::new("pairs", world.clock.shared()).serving(&["BTC/USD"]).shared();
        let shares = Script::new("shares", world.clock.shared())
            .serving(&["AAPL", "BTC/USD", "ETH/USD"])
            .shared();
        let _running = world.track(vec![pairs.clone(), shares.clone()]);
        world.until("three are stored", async || world.prices().await.len() == 3).await;
        assert_eq!(provider_of(&world, "BTC/USD").await.as_deref(), Some("pairs"));
        assert_eq!(provider_of(&world, "AAPL").await.as_deref(), Some("shares"));
        assert_eq!(provider_of(&world, "ETH/USD").await.as_deref(), Some("shares"));
        let both = async || {
            state(&world, "pairs").await == Some(ProviderState::Ok)
                && state(&world, "shares").await == Some(ProviderState::Ok)
        };
        world.until("both are in use", both).await;
        let since = async |provider: &str| {
            let row = world.provider(provider).await.expect("its row");
            assert_eq!(row.terms.as_deref(), Some("tests only"));
            row.since
        };
        let before = (since("pairs").await, since("shares").await);
        // A provider that fails is replaced for its symbols only.
        pairs.fail(PollError::Refused {
            reason: "a test".into(),
        });
        let replaced = async || shares.polls_of("BTC/USD") > 0;
        world.until_after(SECOND * 30, "the fallback", replaced).await;
        let refused = async || state(&world, "pairs").await == Some(ProviderState::Refused);
        world.until("the refusal is reported", refused).await;
        assert!(since("pairs").await > before.0, "it changed its state");
        assert_eq!(since("shares").await, before.1);
        assert_eq!(pairs.polls_of("AAPL") + pairs.polls_of("7203.T"), 0);
        assert_eq!(shares.polls_of("7203.T"), 0, "nobody serves it");
    }

    async fn a_symbol_that_no_provider_serves_is_unknown_without_a_request(database) {
        let world = World::new(database, &["AAPL"]).await;
        let first = Script::new("first", world.clock.shared()).serving(&["AAPL"]).shared();
        let second = Script::new("second", world.clock.shared()).serving(&["AAPL", "BTC/USD"]).shared();
        let _running = world.track(vec![first.clone(), second.clone()]);
        world.until("it is stored", async || world.prices().await.len() == 1).await;
        assert_eq!(world.request("NOPE", true).await, (PollOutcome::UnknownSymbol, None));
        assert!(world.stock("NOPE").await.is_none());
        assert_eq!(world.request("BTC/USD", true).await, (PollOutcome::Answered, None));
        assert_eq!((first.calls().len(), second.calls().len()), (1, 1));
        // The only provider that serves it cannot be polled now, but another one can.
        second.fail(PollError::RateLimited { wait: SECOND * 90 });
        assert_eq!(world.request("BTC/USD", false).await.0, PollOutcome::RateLimited);
        assert_eq!(first.calls().len(), 1);
    }

    async fn a_batch_contains_only_symbols_that_can_share_a_request(database) {
        let symbols = ["A", "AX", "B", "BX", "C"];
        let world = World::new(database, &symbols).await;
        let script = Script::new("live", world.clock.shared())
            .with_max_symbols(10)
            .with_apart(&["AX", "BX"])
            .shared();
        let _running = world.track(vec![script.clone()]);
        world.until("all are stored", async || world.prices().await.len() == 5).await;
        assert_eq!(script.calls().len(), 2);
    }

    async fn each_provider_is_paced_by_its_own_symbols(database) {
        let shares: Vec<String> = (0..10).map(|index| format!("S{index}")).collect();
        let shares: Vec<&str> = shares.iter().map(String::as_str).collect();
        let world = World::new(database, &[&shares[..], &["BTC/USD"]].concat()).await;
        let slow = Script::new("slow", world.clock.shared())
            .serving(&shares)
            .with_budget(Some(1), None)
            .shared();
        let fast = Script::new("fast", world.clock.shared())
            .serving(&["BTC/USD"])
            .with_budget(Some(1), None)
            .shared();
        let _running = world.track(vec![slow.clone(), fast.clone()]);
        let interval = async |provider: &str| {
            let row = world.provider(provider).await;
            row.and_then(|row| row.effective_interval).map(|micros| micros / 1_000_000)
        };
        let planned = async || {
            interval("slow").await == Some(600) && interval("fast").await == Some(300)
        };
        world.until("both paces are reported", planned).await;
        let many = async || fast.polls_of("BTC/USD") >= 5;
        world.until_after(SECOND * 10, "polls of the pair", many).await;
        let calls = fast.calls();
        let took = calls[4].0.since(calls[0].0);
        assert!(took < Duration::from_mins(25), "{took:?}");
    }

    async fn the_list_is_loaded_before_polls_and_daily_within_the_budget(database) {
        let world = World::new(database, &["BTC/USD", "ETH/USD"]).await;
        let script = Script::new("pairs", world.clock.shared()).with_budget(Some(3), None);
        let listing = Listing::new(&world, script);
        let other = Script::new("other", world.clock.shared()).shared();
        let running = world.track(vec![listing.clone(), other.clone()]);
        let stored = async || world.prices().await.len() == 2;
        world.until_after(SECOND / 2, "both are stored", stored).await;
        assert_eq!(provider_of(&world, "BTC/USD").await.as_deref(), Some("pairs"));
        assert_eq!(provider_of(&world, "ETH/USD").await.as_deref(), Some("other"));
        assert_eq!(listing.script.polls_of("ETH/USD"), 0, "the list decided");
        let loads = listing.loads();
        let parts: Vec<usize> = loads.iter().map(|(_, part)| *part).collect();
        assert_eq!(parts, [0, 1]);
        let reloaded = async || listing.loads().len() == 4;
        world.until_after(SECOND * 300, "the next day", reloaded).await;
        let age = listing.loads()[2].0.since(loads[0].0);
        let day = Duration::from_hours(24);
        assert!((day..day + Duration::from_hours(1)).contains(&age), "{age:?}");
        // An outdated list is loaded again at once.
        world.clock.advance(Duration::from_mins(2));
        let before = world.store.clock.now();
        listing.drop_list();
        let again = async || listing.loads().len() == 6;
        world.until_after(SECOND, "the list again", again).await;
        let waited = listing.loads()[4].0.since(before);
        assert!(waited < Duration::from_mins(2), "{waited:?}");
        running.stop().await;
        let mut sent: Vec<Timestamp> = listing.loads().into_iter().map(|(at, _)| at).collect();
        sent.extend(listing.script.calls().into_iter().map(|(at, _)| at));
        sent.sort();
        for window in sent.windows(4) {
            assert!(window[3].since(window[0]) > SECOND * 60, "{window:?}");
        }
    }

    async fn without_a_list_symbols_are_polled_and_the_list_is_retried(database) {
        let world = World::new(database, &["BTC/USD"]).await;
        let listing = Listing::new(&world, Script::new("pairs", world.clock.shared()));
        listing.fails.store(true, Ordering::SeqCst);
        listing.script.answer(|of| Ok(quote(of.as_str(), "101")));
        let _running = world.track(vec![listing.clone()]);
        let stored = async || world.price_texts().await == ["101"];
        world.until_after(SECOND / 2, "it is stored", stored).await;
        assert_eq!(listing.loads().len(), 2, "each part was attempted once");
        let retried = async || listing.loads().len() >= 6;
        world.until_after(SECOND * 10, "it is retried", retried).await;
        let of_first = listing.loads().into_iter().filter(|(_, part)| *part == 0);
        let of_first: Vec<Timestamp> = of_first.map(|(at, _)| at).collect();
        assert!(of_first[1].since(of_first[0]) >= SECOND * 60);
        assert!(of_first[2].since(of_first[1]) >= SECOND * 120);
    }

    async fn a_stock_that_no_provider_serves_is_recorded_until_one_does_or_a_simulation_runs(database) {
        let world = World::new(database, &["AAPL", "BTC/USD"]).await;
        let aapl = world.stock("AAPL").await.expect("a stock").id;
        let recorded = async || stock::unserved(world.database.read()).await.expect("ids");
        let script = Script::new("live", world.clock.shared()).shared();
        let others: [Arc<dyn QuoteProvider>; 2] = [script, simulated(&world, 1, 1, 1)];
        for other in others {
            let listing = Listing::new(&world, Script::new("pairs", world.clock.shared()));
            let running = world.track(vec![listing]);
            world.until_after(SECOND, "it is recorded", async || recorded().await == [aapl]).await;
            running.stop().await;
            let running = world.track(vec![other]);
            world.until_after(SECOND, "it is deleted", async || recorded().await.is_empty()).await;
            running.stop().await;
        }
    }

    async fn a_stock_with_a_rule_is_polled_before_the_others(database) {
        let world = World::new(database, &["A", "B", "C", "Z"]).await;
        let stock_id = world.stock("Z").await.map(|stock| stock.id);
        let rule = AlertRule { stock_id, ..of_aapl(AlertKind::PriceAbove, "100000") };
        create(&world, rule).await;
        assert_eq!(polled(&world).await[0], "Z");
    }

    async fn a_stock_with_a_subscriber_is_polled_before_the_others(database) {
        let world = World::new(database, &["A", "B", "C", "Z"]).await;
        let followed = world.stock("Z").await.expect("a stock").id;
        let database = world.database.write();
        let following = priority::follow(database, &[followed], world.store.clock.now()).await;
        following.expect("it is stored");
        assert_eq!(polled(&world).await[0], "Z");
    }

    async fn a_stock_without_a_price_is_polled_after_the_others(database) {
        let world = World::new(database, &["A", "B"]).await;
        let unpriced = "UPDATE stocks SET unpriced_answers = 3 WHERE symbol = 'A'";
        let database = world.database.write();
        database.execute_unprepared(unpriced).await.expect("it is stored");
        assert_eq!(polled(&world).await[0], "B");
    }

    async fn each_symbol_of_a_batch_costs_a_request_where_the_provider_counts_symbols(database) {
        let world = World::new(database, &["A", "B", "C", "D", "E"]).await;
        let script = Script::new("live", world.clock.shared())
            .with_max_symbols(10)
            .with_budget(Some(2), None)
            .with_cost(Some(2), PollCost::PerSymbol)
            .shared();
        let _running = world.track(vec![script.clone()]);
        let stored = async || world.prices().await.len() == 5;
        world.until_after(SECOND, "all are stored", stored).await;
        let calls = script.calls();
        let sizes: Vec<usize> = calls.iter().map(|(_, symbols)| symbols.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert!(calls[2].0.since(calls[0].0) >= SECOND * 120, "{calls:?}");
    }

    async fn a_batch_has_as_many_symbols_as_the_budget_is_enough_for(database) {
        let names: Vec<String> = ('A'..='P').map(String::from).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let world = World::new(database, &names).await;
        let script = Script::new("live", world.clock.shared())
            .with_max_symbols(10)
            .with_budget(Some(3), None)
            .with_cost(None, PollCost::PerSymbol)
            .shared();
        let _running = world.track(vec![script.clone()]);
        let polled = async || script.calls().len() >= 8;
        world.until_after(SECOND, "eight requests", polled).await;
        let calls = script.calls();
        let sizes: Vec<usize> = calls.iter().map(|(_, symbols)| symbols.len()).collect();
        // 16 symbols at 3 requests a minute are polled every 320 s. When the first three are due
        // again, the 16th was polled less than a minute ago, so two requests are left.
        assert_eq!(sizes, [3, 3, 3, 3, 3, 1, 2, 1]);
        let again = calls[6].0.since(calls[0].0);
        assert!((SECOND * 320..SECOND * 325).contains(&again), "{again:?}");
        assert_eq!(calls[6].1, calls[0].1[..2]);
    }
}
