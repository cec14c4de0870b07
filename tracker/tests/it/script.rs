//! A scripted provider, whose answers a test sets.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use entity::{Symbol, Timestamp};
use runtime::clock::SharedClock;
use tokio::sync::Notify;
use tracker::{
    provider::{
        DailyBar, DailyHistory, DayZone, Pacing, Poll, PollCost, PollError, QuoteProvider,
        RequestBudget, StreamProtocol,
    },
    quote::Quote,
};

use crate::fixture::{quote, symbol};

type Answer = Box<dyn Fn(&Symbol) -> Result<Quote, PollError> + Send + Sync>;

/// The provider. By default it quotes every symbol at 100.
pub(crate) struct Script {
    name: &'static str,
    budget: RequestBudget,
    max_symbols: usize,
    /// The symbols that it has quotes of; all of them if there is no list.
    served: Option<Vec<Symbol>>,
    /// The symbols that need a request of their own kind.
    apart: Vec<Symbol>,
    /// The symbols that it does not know, and because of which it rejects requests for several.
    rejected: Vec<Symbol>,
    /// The provider whose stream it has, if any.
    streaming: Option<Box<dyn QuoteProvider>>,
    /// The sessions that it returns for every symbol, if any.
    history: Mutex<Option<Vec<DailyBar>>>,
    clock: SharedClock,
    answer: Mutex<Answer>,
    calls: Mutex<Vec<(Timestamp, Vec<Symbol>)>>,
    /// Whether polls wait until they are released.
    held: AtomicBool,
    waiting: AtomicUsize,
    released: Notify,
}

impl Script {
    pub(crate) fn new(name: &'static str, clock: SharedClock) -> Self {
        Self {
            name,
            budget: RequestBudget {
                day: DayZone::NewYork,
                ..RequestBudget::UNLIMITED
            },
            max_symbols: 1,
            served: None,
            apart: Vec::new(),
            rejected: Vec::new(),
            streaming: None,
            history: Mutex::default(),
            clock,
            answer: Mutex::new(Box::new(|of| Ok(quote(of.as_str(), "100")))),
            calls: Mutex::new(Vec::new()),
            held: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            released: Notify::new(),
        }
    }

    pub(crate) fn with_budget(mut self, per_minute: Option<u32>, per_day: Option<u32>) -> Self {
        (self.budget.per_minute, self.budget.per_day) = (per_minute, per_day);
        self
    }

    /// Limits the requests per second, and sets how many requests a poll counts as.
    pub(crate) fn with_cost(mut self, per_second: Option<u32>, cost: PollCost) -> Self {
        (self.budget.per_second, self.budget.cost) = (per_second, cost);
        self
    }

    pub(crate) fn with_max_symbols(mut self, symbols_per_request: usize) -> Self {
        self.max_symbols = symbols_per_request;
        self
    }

    /// Makes it know which symbols it serves: these only.
    pub(crate) fn serving(mut self, symbols: &[&str]) -> Self {
        self.served = Some(symbols.iter().map(|it| symbol(it)).collect());
        self
    }

    /// Makes it reject requests that contain both some of these symbols and others.
    pub(crate) fn with_apart(mut self, symbols: &[&str]) -> Self {
        self.apart = symbols.iter().map(|it| symbol(it)).collect();
        self
    }

    /// Makes it reject requests that contain one of these symbols, and not know them alone.
    pub(crate) fn with_rejected(mut self, symbols: &[&str]) -> Self {
        self.rejected = symbols.iter().map(|it| symbol(it)).collect();
        self
    }

    /// Gives it the stream of another provider.
    pub(crate) fn with_stream(mut self, of: impl QuoteProvider + 'static) -> Self {
        self.streaming = Some(Box::new(of));
        self
    }

    pub(crate) fn budget(&self) -> RequestBudget {
        self.budget
    }

    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Sets the answers from now on.
    pub(crate) fn answer(
        &self,
        answer: impl Fn(&Symbol) -> Result<Quote, PollError> + Send + Sync + 'static,
    ) {
        *self.answer.lock().expect("a lock") = Box::new(answer);
    }

    /// Sets the sessions from now on. Before, requests for them fail.
    pub(crate) fn set_history(&self, bars: Vec<DailyBar>) {
        *self.history.lock().expect("a lock") = Some(bars);
    }

    pub(crate) fn fail(&self, error: PollError) {
        self.answer(move |_| Err(error.clone()));
    }

    /// Holds polls from now on, until they are released.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn release(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.released.notify_waiters();
    }

    /// The time and the symbols of each poll.
    pub(crate) fn calls(&self) -> Vec<(Timestamp, Vec<Symbol>)> {
        self.calls.lock().expect("a lock").clone()
    }

    /// The number of polls of each symbol.
    pub(crate) fn polls(&self) -> HashMap<Symbol, usize> {
        let mut polls = HashMap::new();
        for symbol in self.calls().into_iter().flat_map(|(_, symbols)| symbols) {
            *polls.entry(symbol).or_insert(0) += 1;
        }
        polls
    }

    pub(crate) fn polls_of(&self, of: &str) -> usize {
        self.polls().get(&symbol(of)).copied().unwrap_or(0)
    }
}

#[async_trait]
impl QuoteProvider for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: self.max_symbols,
            budget: self.budget,
        }
    }

    fn knows(&self, symbol: &Symbol) -> Option<bool> {
        self.served.as_ref().map(|served| served.contains(symbol))
    }

    fn shares_request(&self, symbol: &Symbol, other: &Symbol) -> bool {
        self.apart.contains(symbol) == self.apart.contains(other)
    }

    fn stream(&self) -> Option<&dyn StreamProtocol> {
        self.streaming.as_ref()?.stream()
    }

    fn history(&self) -> Option<&dyn DailyHistory> {
        Some(self)
    }

    fn terms(&self) -> Option<&'static str> {
        Some("tests only")
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("SCRIPT_API_KEY")
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        assert!(symbols.len() <= self.max_symbols);
        assert!(
            symbols
                .iter()
                .all(|it| self.shares_request(&symbols[0], it))
        );
        self.calls
            .lock()
            .expect("a lock")
            .push((self.clock.now(), symbols.to_vec()));
        let released = self.released.notified();
        if self.held.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            released.await;
        }
        if symbols.iter().any(|it| self.rejected.contains(it)) {
            let error = match symbols {
                [_] => PollError::UnknownSymbol,
                _ => PollError::BatchRejected,
            };
            return Poll::failed(symbols, &error);
        }
        let answer = self.answer.lock().expect("a lock");
        Poll {
            answers: symbols
                .iter()
                .map(|symbol| (symbol.clone(), answer(symbol)))
                .collect(),
            position: None,
            follows: None,
        }
    }
}

#[async_trait]
impl DailyHistory for Script {
    async fn bars(&self, _: &Symbol) -> Result<Vec<DailyBar>, PollError> {
        let history = self.history.lock().expect("a lock");
        history.clone().ok_or(PollError::Timeout)
    }
}
