//! Which symbols share the request of a scheduled poll.

use entity::{Symbol, Timestamp};

use super::{super::LiveLoop, Route, ScheduledPoll};
use crate::provider::PollCost;

/// The symbols of a request.
struct Batch {
    symbols: Vec<Symbol>,
    max_symbols: usize,
    poll: ScheduledPoll,
}

impl LiveLoop {
    /// Returns the symbols of the request that polls `first`. Moves to it the other symbols that
    /// are due, and those due soon if the request costs nothing more with them.
    pub(super) fn take_batch(
        &self,
        first: Symbol,
        poll: ScheduledPoll,
        due: &mut Vec<(bool, Symbol)>,
        soon: &mut Vec<(Timestamp, Symbol)>,
        now: Timestamp,
    ) -> Vec<Symbol> {
        let health = &self.providers[poll.provider];
        let max_batch = self.max_batch(&first, poll.provider);
        let mut batch = Batch {
            max_symbols: health.max_symbols().min(max_batch),
            symbols: vec![first],
            poll,
        };
        due.retain(|(planned, symbol)| !self.joins(&mut batch, symbol, *planned, now));
        if poll.planned && health.budget.cost == PollCost::PerRequest {
            soon.retain(|(_, symbol)| !self.joins(&mut batch, symbol, true, now));
        }
        batch.symbols
    }

    /// Adds a symbol to a batch, if it can share the request. Returns whether it does.
    fn joins(&self, batch: &mut Batch, symbol: &Symbol, planned: bool, now: Timestamp) -> bool {
        if batch.symbols.len() >= batch.max_symbols {
            return false;
        }
        let poll = batch.poll;
        let provider = &self.providers[poll.provider].provider;
        let max_batch = self.max_batch(symbol, poll.provider);
        let joins = batch.symbols.len() < max_batch
            && provider.shares_request(&batch.symbols[0], symbol)
            && matches!(self.route(symbol, planned, now), Route::Poll(other) if other == poll);
        if joins {
            batch.symbols.push(symbol.clone());
            batch.max_symbols = batch.max_symbols.min(max_batch);
        }
        joins
    }

    /// Maximum symbols in a request to a provider that contains this one, if it rejected a larger
    /// one.
    fn max_batch(&self, symbol: &Symbol, provider: usize) -> usize {
        let state = self.symbols.get(symbol);
        state.map_or(usize::MAX, |state| state.max_batch(provider))
    }
}
