//! A provider that answers as a test says.

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
    provider::{DayZone, Pacing, Poll, PollError, QuoteProvider, RequestBudget},
    quote::Quote,
};

use crate::fixture::{quote, symbol};

type Answer = Box<dyn Fn(&Symbol) -> Result<Quote, PollError> + Send + Sync>;

/// The provider. Unless told otherwise it quotes every symbol at 100.
pub(crate) struct Script {
    name: &'static str,
    budget: RequestBudget,
    most: usize,
    clock: SharedClock,
    answer: Mutex<Answer>,
    calls: Mutex<Vec<(Timestamp, Vec<Symbol>)>>,
    /// Whether polls wait until they are let go.
    held: AtomicBool,
    waiting: AtomicUsize,
    go: Notify,
}

impl Script {
    pub(crate) fn new(name: &'static str, clock: SharedClock) -> Self {
        Self {
            name,
            budget: RequestBudget {
                per_minute: None,
                per_day: None,
                day: DayZone::NewYork,
            },
            most: 1,
            clock,
            answer: Mutex::new(Box::new(|of| Ok(quote(of.as_str(), "100")))),
            calls: Mutex::new(Vec::new()),
            held: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            go: Notify::new(),
        }
    }

    pub(crate) fn within(mut self, per_minute: Option<u32>, per_day: Option<u32>) -> Self {
        (self.budget.per_minute, self.budget.per_day) = (per_minute, per_day);
        self
    }

    pub(crate) fn taking(mut self, symbols_per_request: usize) -> Self {
        self.most = symbols_per_request;
        self
    }

    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Answers so from now on.
    pub(crate) fn answer(
        &self,
        answer: impl Fn(&Symbol) -> Result<Quote, PollError> + Send + Sync + 'static,
    ) {
        *self.answer.lock().expect("a lock") = Box::new(answer);
    }

    pub(crate) fn fail(&self, error: PollError) {
        self.answer(move |_| Err(error.clone()));
    }

    /// Holds polls from now on, until they are let go.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::SeqCst);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    pub(crate) fn let_go(&self) {
        self.held.store(false, Ordering::SeqCst);
        self.go.notify_waiters();
    }

    /// When it was asked, and for what.
    pub(crate) fn calls(&self) -> Vec<(Timestamp, Vec<Symbol>)> {
        self.calls.lock().expect("a lock").clone()
    }

    /// How often it was asked for each symbol.
    pub(crate) fn asked(&self) -> HashMap<Symbol, usize> {
        let mut asked = HashMap::new();
        for symbol in self.calls().into_iter().flat_map(|(_, symbols)| symbols) {
            *asked.entry(symbol).or_insert(0) += 1;
        }
        asked
    }

    pub(crate) fn asked_for(&self, of: &str) -> usize {
        self.asked().get(&symbol(of)).copied().unwrap_or(0)
    }
}

#[async_trait]
impl QuoteProvider for Script {
    fn name(&self) -> &'static str {
        self.name
    }

    fn pacing(&self) -> Pacing {
        Pacing::Polled {
            symbols_per_request: self.most,
            budget: self.budget,
        }
    }

    fn knows(&self, _symbol: &Symbol) -> Option<bool> {
        None
    }

    fn key_setting(&self) -> Option<&'static str> {
        Some("SCRIPT_API_KEY")
    }

    async fn poll(&self, symbols: &[Symbol]) -> Poll {
        assert!(symbols.len() <= self.most);
        self.calls
            .lock()
            .expect("a lock")
            .push((self.clock.now(), symbols.to_vec()));
        let go = self.go.notified();
        if self.held.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            go.await;
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
