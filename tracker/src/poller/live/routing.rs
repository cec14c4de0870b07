//! Routes each symbol to the providers that serve it, and plans the pace of each provider.
//!
//! A provider serves a symbol unless it knows that it does not. The active provider of a symbol is
//! the first in failover order that serves it and is available; the next ones that serve it are
//! its fallback. A symbol that no provider serves is not polled.

use std::{collections::HashMap, time::Duration};

use entity::{Symbol, Timestamp};

use super::{LiveLoop, ProviderHealth, provider_health::Availability};
use crate::{
    poller::{PollSettings, tracked_stocks::TrackedStocks},
    provider::QuoteProvider,
    schedule::{PollPlan, SymbolLoad, plan_polls},
};

/// The active providers of the tracked symbols, as of the last update.
#[derive(Debug, Default)]
pub(super) struct Routing {
    /// The active provider of each symbol that any provider serves.
    active: HashMap<Symbol, usize>,
    /// The pace of each provider, in failover order.
    paces: Vec<ProviderPace>,
}

/// The pace of polls from a provider.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProviderPace {
    /// The number of symbols whose active provider it is.
    pub(super) symbols: usize,
    /// The plan for these symbols; if there are none, for all that it serves.
    pub(super) plan: PollPlan,
}

impl Routing {
    fn new(
        providers: &[ProviderHealth],
        tracked: &TrackedStocks,
        settings: PollSettings,
        now: Timestamp,
    ) -> Self {
        let usable: Vec<bool> = providers.iter().map(|it| is_usable(it, now)).collect();
        let mut active = HashMap::with_capacity(tracked.stocks.len());
        let mut routed: Vec<Vec<SymbolLoad>> = vec![Vec::new(); providers.len()];
        let mut served = routed.clone();
        for (symbol, stock) in &tracked.stocks {
            let load = SymbolLoad {
                polled: settings.hours.per_day(stock.market),
                unpriced_answers: stock.unpriced_answers,
            };
            let (mut first, mut first_usable) = (None, None);
            for (provider, health) in providers.iter().enumerate() {
                if health.serves(symbol) {
                    served[provider].push(load);
                    first = first.or(Some(provider));
                    first_usable = first_usable.or(usable[provider].then_some(provider));
                }
            }
            if let Some(provider) = first_usable.or(first) {
                routed[provider].push(load);
                active.insert(symbol.clone(), provider);
            }
        }
        let loads = providers.iter().zip(routed).zip(served);
        let paces = loads.map(|((health, routed), served)| {
            let loads = if routed.is_empty() { &served } else { &routed };
            ProviderPace {
                symbols: routed.len(),
                plan: plan_polls(
                    settings.update_interval,
                    loads,
                    health.budget,
                    health.max_symbols(),
                ),
            }
        });
        Self {
            paces: paces.collect(),
            active,
        }
    }

    /// Returns the active provider of a tracked symbol, or `None` if none serves it.
    pub(super) fn active(&self, symbol: &Symbol) -> Option<usize> {
        self.active.get(symbol).copied()
    }

    /// Returns the tracked symbols whose active provider this is, in unspecified order.
    pub(super) fn symbols_of(&self, provider: usize) -> impl Iterator<Item = &Symbol> {
        let routed = self.active.iter();
        routed.filter_map(move |(symbol, active)| (*active == provider).then_some(symbol))
    }

    /// Returns the pace of a provider.
    pub(super) fn pace(&self, provider: usize) -> ProviderPace {
        self.paces[provider]
    }

    /// Returns the planned time between two polls of a tracked symbol, or `None` if no provider
    /// serves it.
    pub(super) fn interval(&self, symbol: &Symbol) -> Option<Duration> {
        let provider = self.active(symbol)?;
        Some(self.paces[provider].plan.interval)
    }
}

impl ProviderPace {
    /// Returns the planned time between two polls of a symbol, and between two symbols.
    pub(super) fn intervals(self) -> (Duration, Duration) {
        let symbols = u32::try_from(self.symbols).unwrap_or(u32::MAX);
        (self.plan.interval, self.plan.interval / symbols.max(1))
    }
}

impl LiveLoop {
    /// Recomputes the routes, after the tracked stocks, a list of symbols or the health of a
    /// provider changed.
    pub(super) fn update_routing(&mut self) {
        let now = self.context.now();
        self.routing = Routing::new(&self.providers, &self.tracked, self.settings, now);
    }

    /// Returns the tracked symbols that none of the providers with a feature serves.
    pub(super) fn unserved(&self, has_feature: impl Fn(&dyn QuoteProvider) -> bool) -> Vec<Symbol> {
        let able = |it: &&ProviderHealth| has_feature(it.provider.as_ref());
        let providers: Vec<&ProviderHealth> = self.providers.iter().filter(able).collect();
        let is_unserved = |symbol: &&Symbol| !providers.iter().any(|it| it.serves(symbol));
        let symbols = self.tracked.stocks.keys();
        symbols.filter(is_unserved).cloned().collect()
    }

    /// Whether a provider is in use: it is the active provider of a symbol. Without symbols, the
    /// first one that is available is.
    pub(super) fn is_active(&self, provider: usize, now: Timestamp) -> bool {
        if self.tracked.stocks.is_empty() {
            let first = self.providers.iter().position(|it| is_usable(it, now));
            first.unwrap_or(0) == provider
        } else {
            self.routing.pace(provider).symbols > 0
        }
    }
}

/// Whether a provider is neither refused nor skipped.
fn is_usable(health: &ProviderHealth, now: Timestamp) -> bool {
    !health.is_refused() && !matches!(health.availability(now), Availability::Skip(_))
}
